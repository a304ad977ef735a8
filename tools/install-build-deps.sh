#!/usr/bin/env bash
# Installs what this machine lacks to build and test, and nothing else. Says nothing when nothing is missing.
#
#   tools/install-build-deps.sh            compiler, libclang (for the bindings of the module API), make, Rust
#   tools/install-build-deps.sh server     also a redis-server, unless SERVER names one
#   tools/install-build-deps.sh client     also redis-py, RQ and Celery for the system's Python, and BullMQ in a folder of its own
#                                          (PYTHON_PACKAGES): other people's clients, and strace: for the tests
#   tools/install-build-deps.sh check      also rustfmt and clippy
#   tools/install-build-deps.sh servers    also what tools/fetch-servers.sh needs
#
# A redis-server package starts and enables a service of its own. One that comes in here is a test tool: it is kept
# from starting and is disabled. A server that was there before is not touched.

. "$(dirname "$0")/lib.sh"

# The oldest Rust that builds this, and the oldest server that has module configs.
RUST=1.85
REDIS=7.0

has_libclang() {
    ldconfig -p 2>/dev/null | grep -q 'libclang[-.0-9]*\.so' && return
    # Not libclang-cpp, which other packages bring along and which bindgen can't use.
    compgen -G '/usr/lib/llvm-*/lib/libclang.so*' >/dev/null || compgen -G '/usr/lib/llvm-*/lib/libclang-[0-9]*.so*' >/dev/null
}

packages() {
    local missing=()
    have gcc && [ -e /usr/include/stdio.h ] || missing+=(gcc libc6-dev)
    have make || missing+=(make)
    has_libclang || missing+=(libclang-dev)
    [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
    [ "${#missing[@]}" = 0 ] || apt_install "${missing[@]}"
}

rust_is_new_enough() {
    have cargo && version_at_least "$RUST" "$(version_of cargo --version)" &&
        have rustc && version_at_least "$RUST" "$(version_of rustc --version)"
}

apt_offers() {
    local candidate
    candidate=$(apt-cache policy "$1" 2>/dev/null | sed -n 's/ *Candidate: *//p')
    [ -n "$candidate" ] && [ "$candidate" != "(none)" ] && version_at_least "$2" "$candidate"
}

# Debian's own packages first: the release's, then those that its browsers are built with (`-web`, in Debian 12, whose
# own Rust is too old), then its rustup. Only where none of them is offered, a script from outside.
rust() {
    export PATH="$HOME/.cargo/bin:$PATH"
    rust_is_new_enough && return
    # Only a fresh list tells what is offered.
    apt_refresh
    if have rustup; then
        toolchain_of_rustup
    elif apt_offers cargo "$RUST" && apt_offers rustc "$RUST"; then
        apt_install cargo rustc
    elif apt_offers cargo-web "$RUST" && apt_offers rustc-web "$RUST"; then
        apt_install cargo-web rustc-web
    else
        if apt_offers rustup 1; then
            apt_install rustup
        else
            rustup_by_its_script
        fi
        toolchain_of_rustup
    fi
    rust_is_new_enough || die "no Rust $RUST or newer could be installed; see https://rustup.rs"
}

toolchain_of_rustup() {
    quietly rustup toolchain install stable --profile minimal
    quietly rustup default stable
}

rustup_by_its_script() {
    local script
    have curl || apt_install curl
    say "installing: rustup"
    script=$(mktemp)
    # Whole, and only then run: what curl could not fetch must not pass for a script that has nothing to do.
    if ! quietly curl -sSf --proto '=https' -o "$script" https://sh.rustup.rs || [ ! -s "$script" ]; then
        rm -f "$script"
        die "https://sh.rustup.rs can't be fetched; install Rust $RUST or newer by hand"
    fi
    quietly sh "$script" -y --profile minimal --no-modify-path
    rm -f "$script"
}

formatter_and_linter() {
    export PATH="$HOME/.cargo/bin:$PATH"
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return
    if have rustup; then
        quietly rustup component add rustfmt clippy
    elif dpkg-query -W rustc-web >/dev/null 2>&1; then
        apt_install rustfmt-web rust-web-clippy
    else
        apt_install rustfmt rust-clippy
    fi
}

server() {
    if [ -n "${SERVER:-}" ]; then
        have "$SERVER" || die "SERVER names no program: $SERVER"
        return
    fi
    have redis-server || install_server
    local version
    version=$(version_of redis-server --version)
    version_at_least "$REDIS" "$version" ||
        die "redis-server is $version, $REDIS is needed: run tools/fetch-servers.sh and set SERVER, see its help"
}

install_server() {
    local policy=/usr/sbin/policy-rc.d ours=no status=0
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod +x "$policy"
        ours=yes
    fi
    apt_install redis-server || status=$?
    [ "$ours" = no ] || as_root rm -f "$policy"
    [ "$status" = 0 ] || die "redis-server could not be installed"
    if have systemctl; then
        quietly as_root systemctl disable redis-server || true
    elif have update-rc.d; then
        quietly as_root update-rc.d redis-server disable || true
    fi
    say "redis-server came in as a test tool: its service is neither started nor enabled"
}

client() {
    local missing=()
    /usr/bin/python3 -c 'import redis' 2>/dev/null || missing+=(python3 python3-redis)
    /usr/bin/python3 -c 'import rq' 2>/dev/null || missing+=(python3-rq)
    /usr/bin/python3 -c 'import celery' 2>/dev/null || missing+=(python3-celery)
    [ "${#missing[@]}" = 0 ] || apt_install "${missing[@]}"
    have strace || apt_install strace
    bullmq
}

# No Debian has it. In a folder of its own: what it brings along is newer than what the system's packages are made for.
BULLMQ=3.4.4
BULLMQ_BRINGS="redis==8.1.0 msgpack==1.2.3 semver==3.1.0 croniter==2.0.7"

bullmq() {
    local folder=${PYTHON_PACKAGES:-${XDG_CACHE_HOME:-$HOME/.cache}/mylog/python-packages}
    local python=${PYTHON:-/usr/bin/python3}
    [ -e "$folder/bullmq-$BULLMQ.dist-info" ] && PYTHONPATH=$folder "$python" -c 'import bullmq' 2>/dev/null && return
    "$python" -m pip --version >/dev/null 2>&1 || apt_install python3-pip
    say "installing: BullMQ $BULLMQ"
    rm -rf "$folder.new"
    # shellcheck disable=SC2086
    quietly "$python" -m pip install -q --target "$folder.new" "bullmq==$BULLMQ" $BULLMQ_BRINGS
    rm -rf "$folder"
    mv "$folder.new" "$folder"
}

fetching() {
    local missing=()
    have python3 && python3 -m pip --version >/dev/null 2>&1 || missing+=(python3 python3-pip)
    have unzip || missing+=(unzip)
    [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)
    [ "${#missing[@]}" = 0 ] || apt_install "${missing[@]}"
}

packages
rust
for part in "$@"; do
    case $part in
        server) server ;;
        client) client ;;
        check) formatter_and_linter ;;
        servers) fetching ;;
        *) die "unknown part: $part (server, client, check, servers)" ;;
    esac
done
