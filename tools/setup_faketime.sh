#!/usr/bin/env bash
# See that libfaketime is here, with which tests move the clock of a running process.
set -euo pipefail
cd "$(dirname "$0")/.."

if compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null; then exit 0; fi
tools/apt_install.sh libfaketime
