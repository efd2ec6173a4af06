"""Access for a time: one person asks, another says yes, and PostgreSQL has a role for that long."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from pgward.demo import aware, parts, proofs
from pgward.demo.client import Psql, wait_for_end
from pgward.demo.crew import READY_SECONDS
from pgward.demo.errors import DemoError
from pgward.demo.parts import Authority, Workshop
from pgward.demo.site import Site
from pgward.system.files import atomic_write
from pgward.system.postgres import Cluster

SERVICE = "shop-asked"
ASKER = "bob"
REASON = "totals are wrong"
FORBIDDEN = "delete from orders"
ROLE_LEFT = f"select count(*) from pg_roles where rolname = '{ASKER}'"  # noqa: S608 - constants
_GROUP = "engineers"
_CONNECTOR = "connector1"
_ACCOUNT = "pgward_connector"
_INTEGRATION = "shop-db"
_BUNDLE = "shop-reading"
_REFUSED = "permission denied for table orders"


@dataclass(frozen=True, slots=True)
class Asker:
    """A person who may come to nothing, but may ask."""

    shop: Workshop

    def run(self, *arguments: object) -> str:
        """Run a command as this person."""
        home = self.shop.layout.file(ASKER)
        return self.shop.crew.pgward(*arguments, home=home).output


@dataclass(frozen=True, slots=True)
class End:
    """How revoking a grant ended the session that it let in, in seconds after the command began."""

    seconds: float
    said: str


def connector(shop: Workshop, cluster: Cluster) -> str:
    """Serve a connector beside the database, with the account that `set-up` writes; its ready line.

    The account has no password: it comes by the Unix socket.
    """
    words = ("--version", cluster.version, "--database", parts.DATABASE, "--owner", parts.USER)
    cluster.psql(shop.admin("connector", "set-up", "--user", _ACCOUNT, *words).output)
    directory = shop.layout.file("connector")
    token = shop.admin("ca", "token", "connector", _CONNECTOR).output
    shop.admin("connector", "enroll", directory, "--token-file", "-", stdin=token)
    home = shop.layout.admin_home
    return shop.crew.serve("connector", "connector", "serve", directory, home=home).first_line


def declare(shop: Workshop, cluster: Cluster) -> None:
    """Declare who may ask for what, and wait until the edge has the service."""
    manifest = shop.layout.file("access.yaml")
    text = yaml.safe_dump_all(manifests(cluster), sort_keys=False)
    atomic_write(manifest, text.encode())
    shop.admin("apply", "-f", manifest)
    aware.wait_for_edges(shop)


def manifests(cluster: Cluster) -> list[dict[str, Any]]:
    """Return integration, service, bundle and flow as `pgward apply` reads them."""
    integration = {
        "connector": _CONNECTOR,
        "host": str(cluster.socket_dir),
        "port": cluster.port,
        "user": _ACCOUNT,
        "auth": {"none": True},
        "sslMode": "disable",
    }
    postgres = {
        "user": {"fromGrant": True},
        "database": {"force": parts.DATABASE},
        "auth": {"certificate": {"minutes": 5}},
        "serverName": parts.SERVER_NAME,
    }
    tables = {"database": parts.DATABASE, "schema": "public", "tables": ["*"], "grant": ["SELECT"]}
    return [
        _manifest("Integration", _INTEGRATION, **integration),
        _manifest(
            *("Service", SERVICE),
            mode="postgres",
            integration=_INTEGRATION,
            upstream={"host": cluster.host, "port": cluster.port},
            allow={},
            postgres=postgres,
        ),
        _manifest("RoleBundle", _BUNDLE, integrations=[_INTEGRATION], privileges=[tables]),
        _manifest(
            *("AccessFlow", "shop-oncall"),
            services=[SERVICE],
            who={"groups": [_GROUP]},
            bundles=[_BUNDLE],
            maxDuration="8h",
            reason="required",
            approvals=[{"groups": [parts.GROUP]}],
        ),
    ]


def _manifest(kind: str, name: str, **spec: object) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


def asker(shop: Workshop, ca: Authority) -> Asker:
    """Add the person who asks, and log in as them; nothing is theirs yet."""
    password = parts.password_file(shop.layout, f"{ASKER}-password")
    shop.admin("user", "add", ASKER, "--group", _GROUP, "--password-file", password)
    parts.log_in(shop.crew, shop.layout.file(ASKER), ca, ASKER, password)
    return Asker(shop)


def ask(who: Asker) -> str:
    """Ask for the bundle; return the request's id."""
    words = ("--bundle", _BUNDLE, "--for", "10m", "--reason", REASON, "-o", "json")
    return str(json.loads(who.run("request", SERVICE, *words))["id"])


def approve(shop: Workshop, request: str, who: Asker) -> dict[str, Any]:
    """Have the other person approve it; return the grant once PostgreSQL has it."""
    shop.person("approve", request, "--yes")
    deadline = time.monotonic() + READY_SECONDS
    while (found := _only(json.loads(who.run("access", "-o", "json"))))["state"] != "active":
        if time.monotonic() > deadline:
            raise DemoError(f"the grant is {found['state']}, and not active")
    return found


def _only(grants: Sequence[dict[str, Any]]) -> dict[str, Any]:
    if len(grants) != 1:
        raise DemoError(f"{ASKER} has {len(grants)} grants, and not one")
    return grants[0]


def one_time(who: Asker) -> str:
    """Return a URI of a one-time password to the service."""
    return aware.uri_of(who.run("otp", SERVICE))


def query(psql: Psql, who: Asker) -> dict[str, Any]:
    """Query as what was granted."""
    answer = json.loads(psql.query(one_time(who), proofs.as_json(proofs.ASK)))
    if answer["current_user"] != ASKER:
        raise DemoError(f"it landed as {answer['current_user']!r}, and not as {ASKER!r}")
    return dict(answer)


def forbidden(psql: Psql, who: Asker) -> str:
    """Try what was not granted: PostgreSQL itself must refuse it."""
    done = psql.run(one_time(who), FORBIDDEN)
    if done.code == 0 or _REFUSED not in done.messages:
        raise DemoError(f"{FORBIDDEN!r} was not refused: {done.last_words or 'it worked'}")
    return done.last_words


def revoke(shop: Workshop, site: Site, request: str, who: Asker) -> End:
    """Revoke the grant while a session works: the session must end, and the role must go."""
    session = site.psql.work(one_time(who))
    began = time.monotonic()
    shop.person("revoke", request, "--reason", "done")
    seconds = wait_for_end(session, began, proofs.CUT_SECONDS)
    while site.cluster.psql(ROLE_LEFT) != "0":
        if time.monotonic() > began + proofs.CUT_SECONDS:
            raise DemoError(f"PostgreSQL still has the role {ASKER}")
    return End(seconds, session.log.read_text(errors="replace").partition("\n")[0])
