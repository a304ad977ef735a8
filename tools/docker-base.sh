#!/usr/bin/env bash
# Makes sure that the base image of docker/Dockerfile is there: it is pulled, or, where no image registry can be
# reached, made from Debian's packages under the same name.
#
# An image made here also trusts the certificate authorities that were added to this machine: without them a build
# behind such a network could fetch nothing. It is for this machine only; don't push it.

. "$(dirname "$0")/lib.sh"

BASE=$(sed -n 's/^ARG BASE=//p' "$ROOT/docker/Dockerfile")
SUITE=trixie

docker image inspect "$BASE" >/dev/null 2>&1 && exit 0
timeout 120 docker pull -q "$BASE" >/dev/null 2>&1 && exit 0

say "$BASE can't be pulled; making it from Debian's packages"
have debootstrap || apt_install debootstrap
folder=$(mktemp -d)
trap 'as_root rm -rf "$folder"' EXIT
quietly as_root debootstrap --variant=minbase "$SUITE" "$folder/root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    as_root mkdir -p "$folder/root/usr/local/share/ca-certificates"
    as_root cp /usr/local/share/ca-certificates/*.crt "$folder/root/usr/local/share/ca-certificates/"
fi
as_root rm -rf "$folder/root/var/cache/apt/archives" "$folder/root/var/lib/apt/lists"
as_root tar -C "$folder/root" -c . | docker import - "$BASE" >/dev/null
