#!/usr/bin/env bash
# Fetch Patroni (PyPI) and etcd (Debian) into .tools/patroni, which a long test runs a cluster with.
# etcd's package is unpacked and not installed: nothing is started. Where that fails, this says so.
set -euo pipefail
cd "$(dirname "$0")/.."

version=4.1.5
directory=.tools/patroni
if [ "$(cat "$directory/fetched" 2>/dev/null)" = "$version" ]; then exit 0; fi
skipped() {
    echo "the test of Patroni is skipped: $1" >&2
    exit 0
}
command -v apt-get >/dev/null || skipped "etcd comes from Debian, and there is no apt-get"
echo "fetching Patroni $version and etcd" >&2
mkdir -p .tools
work=$(mktemp -d .tools/fetch.XXXXXX)
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get -qq download etcd-server 2>/dev/null) || skipped "etcd-server cannot be downloaded"
dpkg-deb -x "$work"/etcd-server_*.deb "$work/etcd"
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --root-user-action=ignore --target "$work/lib" "patroni[etcd3,psycopg3]==$version" >&2 ||
    skipped "pip cannot install it"
rm -f "$work"/etcd-server_*.deb
chmod 755 "$work"
printf '%s\n' "$version" >"$work/fetched"
rm -rf "$directory"
mv "$work" "$directory"
