#!/usr/bin/env bash
# See that OpenSSH's server is here, which the tests of `pgward hba … --ssh` use.
# Each test starts its own, on a port of loopback; the package's own service is not needed.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v sshd >/dev/null || [ -x /usr/sbin/sshd ]; then exit 0; fi
tools/apt_install.sh openssh-server
