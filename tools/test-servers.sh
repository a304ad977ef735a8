#!/usr/bin/env bash
# Runs the server tests on each server of tools/fetch-servers.sh; goes on after a failure, and fails at the end.
# Arguments: the names of servers to take instead. SEQUENCES=10000: as many random ones as `make test` runs.

. "$(dirname "$0")/lib.sh"
cd "$ROOT"
export PATH="$HOME/.cargo/bin:$PATH"

[ "$#" -gt 0 ] || set -- redis-7.0 redis-8.2 valkey-8.0 valkey-8.1
tools/fetch-servers.sh "$@"
# The many are run once, by `make test`; here is looked at what differs between the servers.
export SEQUENCES=${SEQUENCES:-1000}
failed=()
for name in "$@"; do
    say "--- the server tests on $name"
    SERVER=$ROOT/.servers/$name/server cargo test --locked --test server || failed+=("$name")
done
[ "${#failed[@]}" = 0 ] || die "failed on: ${failed[*]}"
