#!/usr/bin/env bash
# See that SoftHSM is here, the token in software that the tests of PKCS#11 use, and OpenSC's
# pkcs11-tool, another program that speaks to it.
set -euo pipefail
cd "$(dirname "$0")/.."

has_library() {
    local file
    for file in ${PGWARD_SOFTHSM:+"$PGWARD_SOFTHSM"} /usr/lib/softhsm/libsofthsm2.so \
        /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so \
        /usr/local/lib/softhsm/libsofthsm2.so; do
        if [ -e "$file" ]; then return 0; fi
    done
    return 1
}

missing=()
if ! has_library || ! command -v softhsm2-util >/dev/null; then missing+=(softhsm2); fi
command -v pkcs11-tool >/dev/null || missing+=(opensc)
if [ "${#missing[@]}" -eq 0 ]; then exit 0; fi
tools/apt_install.sh "${missing[@]}"
if ! has_library; then
    echo "SoftHSM was installed but its library was not found; set PGWARD_SOFTHSM to it" >&2
    exit 1
fi
