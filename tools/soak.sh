#!/usr/bin/env bash
# The long loops at their full length, twenty times what `make test` and CI run: random generic commands, random
# sequences beside native ones, damaged RESTORE payloads, kills under load, a replica under chaos. Each prints its seeds, and one line that begins
# with SOAK when it is through; all of these are shown once more at the end.
#
#   tools/soak.sh                     on the server of SERVER
#   tools/soak.sh redis-8.6 ...       on servers of tools/fetch-servers.sh
#   SOAK=2 tools/soak.sh              twice what CI runs
#   ONLY=generic_random tools/soak.sh one loop: the name of its file

. "$(dirname "$0")/lib.sh"
cd "$ROOT"
export PATH="$HOME/.cargo/bin:$PATH" SOAK=${SOAK:-20}

# Files of tests/server, and what the line of each names.
LOOPS=(
    "commands::generic_random::=generic commands"
    "commands::differential::=sequences in RESP2"
    "commands::differential::=sequences in RESP3"
    "lifecycle::restores::fuzz::=damaged RESTORE payloads"
    "engine::kill_loop::=kills under load"
    "replicas::chaos::=replica under chaos"
)

log=$(mktemp)
trap 'rm -f "$log"' EXIT
filters=() wanted=()
for loop in "${LOOPS[@]}"; do
    [[ -z ${ONLY:-} || $loop == *"$ONLY"* ]] || continue
    filters+=("server::${loop%%=*}")
    wanted+=("${loop#*=}")
done
[ "${#wanted[@]}" -gt 0 ] || die "no loop is named ${ONLY:-}"

failed=()
soak() {
    local name=$1 of
    say "--- $name, SOAK=$SOAK"
    : >"$log"
    cargo test --locked --test server -- --nocapture "${filters[@]}" 2>&1 | tee "$log" || failed+=("$name")
    for of in "${wanted[@]}"; do
        grep -aq "^SOAK $of: " "$log" || failed+=("$name: $of was not run to its end")
    done
    totals+=$(grep -a '^SOAK ' "$log" | sed "s/^SOAK /SOAK $name, /")$'\n'
}

totals=""
if [ "$#" = 0 ]; then
    soak "${SERVER:-redis-server}"
else
    for name in "$@"; do
        tools/fetch-servers.sh "$name"
        export SERVER=${SERVERS_DIR:-$ROOT/.servers}/$name/server
        soak "$name"
    done
fi
printf '%s' "$totals"
[ "${#failed[@]}" = 0 ] || die "failed: $(printf '%s; ' "${failed[@]}")"
