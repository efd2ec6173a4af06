#!/usr/bin/env bash
# See that Chromium is here, which the tests of the login page drive, and NSS's certutil, with which
# they have it trust a CA in a home of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
if [ -z "${PGWARD_CHROMIUM:-}" ] && ! command -v chromium >/dev/null; then missing+=(chromium); fi
command -v certutil >/dev/null || missing+=(libnss3-tools)
if [ "${#missing[@]}" -eq 0 ]; then exit 0; fi
tools/apt_install.sh "${missing[@]}"
if ! command -v chromium >/dev/null && [ -z "${PGWARD_CHROMIUM:-}" ]; then
    echo "Chromium was installed but not found; set PGWARD_CHROMIUM to the program" >&2
    exit 1
fi
