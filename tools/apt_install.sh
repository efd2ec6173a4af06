#!/usr/bin/env bash
# Install Debian packages: tools/apt_install.sh PACKAGE…
# Fails with a message where there is no apt-get, or no right to use it.
set -euo pipefail

if ! command -v apt-get >/dev/null; then
    echo "cannot install $*: this system has no apt-get; install them with its own package manager" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
        echo "cannot install $*: that needs root; run: sudo apt-get install $*" >&2
        exit 1
    fi
    as_root=(sudo -n)
fi
install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y
    -o Dpkg::Use-Pty=0 install --no-install-recommends "$@")
echo "installing $*" >&2
# A first try with the lists that are there; they may be old or empty.
if ! "${install[@]}" >/dev/null 2>&1; then
    "${as_root[@]}" apt-get -qq update >&2
    "${install[@]}" >&2
fi
