#!/usr/bin/env bash
# See that the peers of the benchmarks are here: HAProxy and stunnel.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
PATH=$PATH:/usr/sbin
command -v haproxy >/dev/null || missing+=(haproxy)
command -v stunnel >/dev/null || missing+=(stunnel4)
if [ "${#missing[@]}" -gt 0 ]; then tools/apt_install.sh "${missing[@]}"; fi
