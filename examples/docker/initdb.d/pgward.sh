#!/bin/sh
# Run once, by the image's entrypoint, when it has made the database: as the account postgres, while
# the server listens on its socket alone.
set -eu
: "${PGWARD_DNS:?the name by which clients reach this server}"

/opt/pgward/bin/pgward hba apply --data-dir "$PGDATA" --dns "$PGWARD_DNS" \
    --psql-user "$POSTGRES_USER" --superuser "$POSTGRES_USER" \
    --token-file "${PGWARD_TOKEN_FILE:-/run/secrets/pgward_token}" && exit

# The next start finds a database, and skips this script: it must not serve without certificates.
mv "$PGDATA/pg_hba.conf" "$PGDATA/pg_hba.conf.unprotected"
echo "pgward could not set this server up, so it will not start:" \
    "remove the volume, and begin again with a new token" >&2
exit 1
