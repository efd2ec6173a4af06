#!/usr/bin/env bash
# See that OpenSSH's server and sudo are here, which the tests of `pgward hba … --ssh` use.
# Each test starts its own, on a port of loopback; the package's own service is not needed.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=()
if ! command -v sshd >/dev/null && [ ! -x /usr/sbin/sshd ]; then wanted+=(openssh-server); fi
if ! command -v sudo >/dev/null; then wanted+=(sudo); fi
if [ "${#wanted[@]}" -gt 0 ]; then tools/apt_install.sh "${wanted[@]}"; fi
