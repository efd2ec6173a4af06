#!/usr/bin/env bash
# See that OpenLDAP's server is here, the directory that the tests of logins through LDAP use.
# Each test starts its own; the package's own service is left unconfigured, so that it never starts.
set -euo pipefail
cd "$(dirname "$0")/.."

if command -v slapd >/dev/null || [ -x /usr/sbin/slapd ] || [ -x /usr/libexec/slapd ]; then exit 0; fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
if command -v debconf-set-selections >/dev/null; then
    echo "slapd slapd/no_configuration boolean true" | "${as_root[@]}" debconf-set-selections || true
fi
tools/apt_install.sh slapd
