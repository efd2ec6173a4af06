#!/usr/bin/env bash
# See that pgbouncer is here, which the tests put in front of a PostgreSQL of their own.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ]; then exit 0; fi
tools/apt_install.sh pgbouncer
