"""PgBouncer as Debian builds it: session pooling, TLS on both sides (pgbouncer(5))."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.authority import PERSON
from bench.database import DATABASE
from bench.peers.aware import login
from bench.peers.base import Peer, Site
from bench.processes import free_port, running, wait_listening
from pgward.core.address import Address
from pgward.system.pg_programs import server_account

# - auth_type = cert: a client shows the certificate that it shows the edge.
# - TLS 1.3 alone, as the edge has it; on both sides TLS_AES_256_GCM_SHA384 is agreed on.
# - log_connections and log_disconnections off: nothing is written while it is measured.
# - all else is its default, tcp_nodelay and tcp_keepalive among it.
_FILE = """\
[databases]
{database} = host={upstream.host} port={upstream.port} dbname={database}

[pgbouncer]
listen_addr = {listen.host}
listen_port = {listen.port}
unix_socket_dir =
pool_mode = session
auth_type = cert
auth_file = {users}
client_tls_sslmode = verify-full
client_tls_ca_file = {roots}
client_tls_cert_file = {certificate}
client_tls_key_file = {key}
client_tls_protocols = tlsv1.3
server_tls_sslmode = require
server_tls_protocols = tlsv1.3
max_client_conn = 1000
default_pool_size = 200
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
"""


@contextmanager
def start(site: Site) -> Iterator[Peer]:
    """Run it, as the account that PostgreSQL runs as, for it refuses to be root."""
    listen = Address("127.0.0.1", free_port())
    own = site.directory / "pgbouncer"
    own.mkdir()
    users = own / "users.txt"
    users.write_text(f'"{PERSON}" ""\n')
    server = site.certificates.server
    text = _FILE.format(
        database=DATABASE,
        upstream=site.upstream,
        listen=listen,
        users=users,
        roots=_copied(site.certificates.user_roots, own),
        certificate=_copied(server.certificate, own),
        key=_copied(server.key, own),
    )
    account = server_account()
    file, log = own / "pgbouncer.ini", site.directory / "pgbouncer.log"
    if account is None:
        file.write_text(text)
    else:
        file.write_text(f"{text}user = {account.name}\n")
        for path in (own, *own.iterdir()):
            shutil.chown(path, account.uid, account.gid)
        site.directory.chmod(0o711)
    with running(["pgbouncer", file], log) as process:
        wait_listening(listen, process, log)
        yield Peer(
            "pgbouncer",
            listen,
            {"edge": (process.pid,)},
            {"pgbouncer.ini": text},
            login(listen, site),
        )


def _copied(path: Path, directory: Path) -> Path:
    made = directory / path.name
    shutil.copy(path, made)
    return made
