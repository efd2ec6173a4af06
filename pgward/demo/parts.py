"""The parts of a site, each set up through its own commands and told as facts."""

import json
import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pgward.client import conninfo
from pgward.core.address import Address
from pgward.demo.crew import Crew, Done, Server
from pgward.demo.errors import DemoError
from pgward.demo.interrupts import Interrupts
from pgward.demo.layout import Layout
from pgward.demo.ports import HOST, reserved
from pgward.system.files import atomic_write
from pgward.system.postgres import Cluster

ADMIN = "admin"
USER = "alice"
GROUP = "dba"
DATABASE = "shop"
SERVICE = "shop"
SERVER_NAME = "db.demo.pgward.test"
EDGE_NAME = "edge.demo.pgward.test"
OLDEST = 12
"""The first PostgreSQL version that shows a client certificate's serial number."""
_SETTINGS = {"max_connections": "800", "log_connections": "on", "log_disconnections": "on"}
_PASSWORD_BYTES = 18


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA that serves; its administrator is logged in."""

    url: str
    fingerprint: str
    server: Server


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge that serves."""

    address: Address
    server: Server


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A tunnel that is open; ``conninfo`` leads through it."""

    address: Address
    conninfo: str
    server: Server


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is: the certificate's serial number and libpq's three paths."""

    serial: int
    cert: str
    key: str
    root: str


@dataclass(frozen=True, slots=True)
class Workshop:
    """What setting up needs: where, who runs it, and what must be undone in the end."""

    layout: Layout
    crew: Crew
    interrupts: Interrupts
    stack: ExitStack

    def admin(self, *arguments: object, stdin: str = "") -> Done:
        """Run a command as the administrator."""
        return self.crew.pgward(*arguments, home=self.layout.admin_home, stdin=stdin)

    def person(self, *arguments: object, stdin: str = "") -> Done:
        """Run a command as the demo's person."""
        return self.crew.pgward(*arguments, home=self.layout.home, stdin=stdin)


def authority(shop: Workshop) -> Authority:
    """Create a CA on SQLite, serve it, and log its administrator in."""
    layout = shop.layout
    port = shop.stack.enter_context(reserved())
    password = password_file(layout, "admin-password")
    shop.admin(
        *("ca", "init", layout.authority, "--name", "pgward demo", "--admin", ADMIN),
        *("--listen", Address(HOST, port), "--ip", HOST, "--admin-password-file", password),
    )
    found = serve_authority(shop.crew, layout.authority, layout.admin_home, "ca")
    log_in(shop.crew, layout.admin_home, found, ADMIN, password)
    return found


def serve_authority(crew: Crew, directory: Path, home: Path, name: str) -> Authority:
    """Run `ca serve`, and return what it announced."""
    ready = directory.parent / f"{directory.name}.ready"
    server = crew.serve(name, "ca", "serve", directory, "--ready-file", ready, home=home)
    told = json.loads(ready.read_bytes())
    return Authority(told["url"], told["fingerprint"], server)


def log_in(crew: Crew, home: Path, ca: Authority, user: str, password: Path) -> None:
    """Log somebody in for the first time."""
    crew.pgward(
        *("login", "--ca", ca.url, "--fingerprint", ca.fingerprint),
        *("--user", user, "--password-file", password),
        home=home,
    )


def add_person(shop: Workshop, ca: Authority) -> Identity:
    """Add the demo's person, who then logs in."""
    password = password_file(shop.layout, "password")
    shop.admin("user", "add", USER, "--group", GROUP, "--password-file", password)
    log_in(shop.crew, shop.layout.home, ca, USER, password)
    return identity(shop.crew, shop.layout.home)


def log_in_again(shop: Workshop) -> None:
    """Get the person another login certificate."""
    shop.person("login", "--user", USER, "--password-file", shop.layout.file("password"))


def identity(crew: Crew, home: Path) -> Identity:
    """Return what `whoami` tells of the certificate and its paths."""
    told = json.loads(crew.pgward("whoami", "-o", "json", home=home).output)
    paths = told["paths"]
    serial = int(told["certificate"]["serial"], 16)
    return Identity(serial, paths["sslcert"], paths["sslkey"], paths["sslrootcert"])


def database(shop: Workshop) -> Cluster:
    """Start a PostgreSQL server that knows nothing of pgward yet, with the person's database."""
    cluster = Cluster(shop.layout.database, settings=_SETTINGS)
    if cluster.version < OLDEST:
        raise DemoError(
            f"the demo needs PostgreSQL {OLDEST} or later, and this is {cluster.version}",
            hint="install a newer one, or set PGWARD_PG_BIN to its directory of programs",
        )
    shop.stack.callback(cluster.stop)
    with shop.interrupts.shield():
        cluster.init().start()
    cluster.psql(f"create role {USER} login")
    cluster.psql(f"create database {DATABASE} owner {USER}")
    return cluster


def configure(shop: Workshop, cluster: Cluster) -> None:
    """Have `hba apply` make the server check login certificates."""
    token = shop.admin("ca", "token", "host", "db", "--dns", SERVER_NAME).output
    apply = ("hba", "apply", "--data-dir", cluster.data_dir, "--dns", SERVER_NAME)
    shop.admin(*apply, "--token-file", "-", stdin=token)


def refresh(shop: Workshop, cluster: Cluster) -> None:
    """Have `hba refresh` bring the newest revocation lists to the server."""
    shop.admin("hba", "refresh", "--data-dir", cluster.data_dir)


def service(shop: Workshop, cluster: Cluster) -> Path:
    """Declare the service; return the manifest."""
    manifest = shop.layout.file("services.yaml")
    text = yaml.safe_dump(manifest_of(cluster.host, cluster.port), sort_keys=False)
    atomic_write(manifest, text.encode())
    shop.admin("apply", "-f", manifest)
    return manifest


def manifest_of(host: str, port: int) -> dict[str, Any]:
    """Return the service as `pgward apply` reads it."""
    return {
        "kind": "Service",
        "metadata": {"name": SERVICE, "description": "the demo's database"},
        "spec": {
            "upstream": {"host": host, "port": port},
            "serverName": SERVER_NAME,
            "database": DATABASE,
            "allow": {"groups": [GROUP]},
        },
    }


def edge(shop: Workshop) -> Edge:
    """Enroll an edge and serve it; it is ready when it has its configuration."""
    directory = shop.layout.edge
    address = Address(HOST, shop.stack.enter_context(reserved()))
    token = shop.admin("ca", "token", "edge", "edge1", "--dns", EDGE_NAME).output
    enroll = ("edge", "enroll", directory, "--token-file", "-", "--advertise", address)
    shop.admin(*enroll, stdin=token)
    serve = ("edge", "serve", directory, "--listen", address, "--drain-timeout", 1)
    return Edge(address, shop.crew.serve("edge", *serve, home=shop.layout.admin_home))


def tunnel(shop: Workshop) -> Tunnel:
    """Open the person's tunnel on a free port."""
    home = shop.layout.home
    server = shop.crew.serve("tunnel", "connect", SERVICE, "--port", 0, home=home)
    (status,) = json.loads(shop.person("status", "--output", "json").output)
    return Tunnel(Address.parse(status["address"]), server.first_line, server)


def native_conninfo(me: Identity, cluster: Cluster) -> str:
    """Return the connection string straight to PostgreSQL, as anyone would write it."""
    return conninfo.write(
        {
            "host": SERVER_NAME,
            "hostaddr": cluster.host,
            "port": cluster.port,
            "user": USER,
            "dbname": DATABASE,
            "sslmode": "verify-full",
            "sslcert": me.cert,
            "sslkey": me.key,
            "sslrootcert": me.root,
        }
    )


def password_file(layout: Layout, name: str) -> Path:
    """Write a new password to a file, and return where."""
    path = layout.file(name)
    atomic_write(path, secrets.token_urlsafe(_PASSWORD_BYTES).encode() + b"\n")
    return path
