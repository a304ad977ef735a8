# shellcheck shell=bash disable=SC2034
# What the scripts beside this file share: quiet steps that show their output when they fail.
# Sourced, never run. It must not change anything by itself.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$(basename "$0"): $*"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command; its output is shown when VERBOSE=1, or when it fails.
quietly() {
    if [ "${VERBOSE:-0}" = 1 ]; then
        "$@"
        return
    fi
    local out status=0
    out=$(mktemp)
    "$@" >"$out" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        say "failed ($status): $*"
        tail -n 40 "$out" >&2
    fi
    rm -f "$out"
    return "$status"
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "needs root for: $* (install sudo, or run it as root)"
    fi
}

# version_at_least 1.85 1.95.0: whether the second is not older than the first.
version_at_least() {
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# The first number with a dot in it that a program says of itself.
version_of() { "$@" 2>/dev/null | grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1 || true; }

apt_updated=no
# Refreshes the lists of packages, once.
apt_refresh() {
    have apt-get || die "this is no Debian or Ubuntu; install by hand: ${*:-Rust 1.85 or newer}"
    if [ "$apt_updated" = no ]; then
        quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
        apt_updated=yes
    fi
}

# Installs packages by name.
apt_install() {
    apt_refresh "$@"
    say "installing: $*"
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
}
