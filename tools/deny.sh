#!/usr/bin/env bash
# Runs `cargo deny check` with the checks that are named. Where cargo-deny is missing it is built once into the user's
# cache folder, outside of the clone: a fresh clone need not build it again.

. "$(dirname "$0")/lib.sh"
cd "$ROOT"
TOOLS=${XDG_CACHE_HOME:-$HOME/.cache}/mylog-tools
export PATH="$HOME/.cargo/bin:$PATH:$TOOLS/bin"

if ! have cargo-deny; then
    say "installing: cargo-deny, into $TOOLS (some minutes)"
    target=$(mktemp -d)
    trap 'rm -rf "$target"' EXIT
    # The newest that the Rust here can build; 0.18.3 is the last for the oldest Rust that builds this project.
    version_at_least 1.88 "$(version_of rustc --version)" && version=0.20.2 || version=0.18.3
    quietly cargo install "cargo-deny@$version" --locked --root "$TOOLS" --target-dir "$target" ||
        die "cargo-deny $version can't be built with $(rustc --version)"
fi
cargo deny --log-level error --workspace --all-features check "$@"
