#!/usr/bin/env bash
# Runs the server tests on servers of tools/fetch-servers.sh; goes on after a failure, and names what failed at the end.
#
#   tools/test-servers.sh                          the six of the table below
#   tools/test-servers.sh redis-8.6 valkey-8.0     these, each as far as the table says
#   ALL=1 tools/test-servers.sh valkey-8.0         all tests in any case
#
# One line for each server tells its minutes.

. "$(dirname "$0")/lib.sh"
cd "$ROOT"
export PATH="$HOME/.cargo/bin:$PATH"

# `full`: all server tests, on the oldest Redis, and on the newest Redis and Valkey. `versions`: those that can depend on
# the server's version.
TABLE="
redis-7.0   full
redis-8.6   full
valkey-9.1  full
redis-8.2   versions
valkey-8.0  versions
valkey-8.1  versions
"
# Files whose tests are about the disk, the log and the child, which are the same under every server. All others, new
# ones included, run everywhere.
SAME_EVERYWHERE=(
    engine/disk_faults engine/full_disk_load engine/huge_values engine/kill_loop engine/lost_folder
    engine/stalled_disk lifecycle/start_up_damage rewrite/child_faults rewrite/child_misbehaves
    rewrite/child_under_load rewrite/room rewrite/schedule
)

extent_of() { awk -v name="$1" '$1 == name { print $2 }' <<<"$TABLE"; }

[ "$#" -gt 0 ] || read -ra names <<<"$(awk 'NF { printf "%s ", $1 }' <<<"$TABLE")"
[ "$#" -eq 0 ] || names=("$@")
failed=() told=()
for name in "${names[@]}"; do
    extent=$(extent_of "$name")
    [ -n "$extent" ] || die "$name is not in the table"
    [ "${ALL:-0}" != 1 ] || extent=full
    skipped=()
    [ "$extent" = full ] || for file in "${SAME_EVERYWHERE[@]}"; do
        # A file that has another name now would run where it need not, and nobody would see it.
        [ -e "tests/server/$file.rs" ] || die "SAME_EVERYWHERE names $file, which is no file of tests/server"
        skipped+=(--skip "server::${file//\//::}::")
    done
    if ! tools/fetch-servers.sh "$name"; then
        failed+=("$name (could not be fetched)")
        continue
    fi
    say "--- the server tests on $name: $extent"
    start=$SECONDS
    SERVER=${SERVERS_DIR:-$ROOT/.servers}/$name/server cargo test --locked --test server -- "${skipped[@]}" || failed+=("$name")
    told+=("$(printf '%-11s %-9s %4.1f minutes' "$name" "$extent" "$(((SECONDS - start) * 10 / 60))e-1")")
done
[ "${#told[@]}" = 0 ] || printf '%s\n' "${told[@]}" >&2
[ "${#failed[@]}" = 0 ] || die "failed on: $(printf '%s, ' "${failed[@]}" | sed 's/, $//')"
