#!/bin/sh
# A deploy hook for certbot: give PostgreSQL the new certificate, and have it reload.
#
#   certbot certonly … --deploy-hook /etc/pgward/certbot-deploy-postgresql.sh
#
# certbot names the certificate's directory in RENEWED_LINEAGE. PGDATA is the data directory;
# postgresql.conf there has ssl_cert_file = 'server.crt' and ssl_key_file = 'server.key'.
# Whatever fails, PostgreSQL goes on with the certificate that it has.
set -eu
umask 077

: "${RENEWED_LINEAGE:?certbot sets this}"
data=${PGDATA:-/var/lib/postgresql/15/main}

# The key must belong to the server's account, and to nobody else.
owner=$(stat -c %u:%g "$data")
for pair in privkey.pem:server.key fullchain.pem:server.crt; do
    new=$data/${pair#*:}.new
    cp "$RENEWED_LINEAGE/${pair%:*}" "$new"
    chown "$owner" "$new"
    chmod 600 "$new"
done
mv "$data/server.key.new" "$data/server.key"
mv "$data/server.crt.new" "$data/server.crt"

# SIGHUP to the postmaster is what `pg_ctl reload` does.
if [ -e "$data/postmaster.pid" ]; then
    kill -HUP "$(head -n 1 "$data/postmaster.pid")"
fi
