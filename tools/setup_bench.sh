#!/usr/bin/env bash
# See that the peers of the benchmarks are here, HAProxy and stunnel, and wrk, a load generator.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
PATH=$PATH:/usr/sbin
command -v haproxy >/dev/null || missing+=(haproxy)
command -v stunnel >/dev/null || missing+=(stunnel4)
command -v wrk >/dev/null || missing+=(wrk)
if [ "${#missing[@]}" -gt 0 ]; then tools/apt_install.sh "${missing[@]}"; fi
