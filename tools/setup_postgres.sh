#!/usr/bin/env bash
# See that PostgreSQL's server programs are here; install them where they are not.
set -euo pipefail
cd "$(dirname "$0")/.."

has_server() {
    local directory
    for directory in ${PGWARD_PG_BIN:+"${PGWARD_PG_BIN%%:*}"} \
        $(printf '%s' "$PATH" | tr ':' ' ') \
        /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/local/pgsql/bin; do
        if [ -x "$directory/postgres" ] && [ -x "$directory/initdb" ] && [ -x "$directory/pg_ctl" ]; then
            return 0
        fi
    done
    return 1
}

missing=()
has_server || missing+=(postgresql)
command -v psql >/dev/null || missing+=(postgresql-client)
if [ "${#missing[@]}" -eq 0 ]; then exit 0; fi

# Debian would make and start a cluster of its own; only the programs are wanted.
if [ "$(id -u)" -eq 0 ]; then as_root=(); else as_root=(sudo -n); fi
no_cluster=/etc/postgresql-common/createcluster.d/pgward-setup.conf
if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null && ! [ -e "$no_cluster" ]; then
    "${as_root[@]}" mkdir -p "$(dirname "$no_cluster")"
    echo "create_main_cluster = false" | "${as_root[@]}" tee "$no_cluster" >/dev/null
    trap '"${as_root[@]}" rm -f "$no_cluster"' EXIT
fi
tools/apt_install.sh "${missing[@]}"
if ! has_server; then
    echo "PostgreSQL was installed but its programs were not found; set PGWARD_PG_BIN" >&2
    exit 1
fi
