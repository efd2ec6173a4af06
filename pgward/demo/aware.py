"""A service whose edge speaks PostgreSQL: no password, no certificate, rules, and a record."""

import json
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from pgward.demo import parts, proofs
from pgward.demo.client import Psql
from pgward.demo.crew import READY_SECONDS
from pgward.demo.errors import DemoError
from pgward.demo.parts import Workshop
from pgward.demo.site import Site
from pgward.system.files import atomic_write
from pgward.system.postgres import Cluster

SERVICE = "shop-ruled"
DENIED = "drop table orders"
_RULE = "no-drop"
_REASON = "tables stay"
_SHOWN = ("time", "type", "user", "role", "rule", "text")


@dataclass(frozen=True, slots=True)
class Denial:
    """What psql said of a statement that is refused, and what stands on record of it."""

    said: str
    record: Mapping[str, Any]


def declare(shop: Workshop, cluster: Cluster) -> None:
    """Declare the service, and wait until the edge has it.

    PostgreSQL gets certificates that are minted for people.
    """
    manifest = shop.layout.file("ruled.yaml")
    atomic_write(manifest, yaml.safe_dump(manifest_of(cluster), sort_keys=False).encode())
    shop.admin("apply", "-f", manifest)
    wait_for_edges(shop)


def wait_for_edges(shop: Workshop) -> None:
    """Wait until the edge has what was declared."""
    deadline = time.monotonic() + READY_SECONDS
    while not all(each["current"] for each in _edges(shop)):
        if time.monotonic() > deadline:
            raise DemoError("the edge did not take up the new service")


def _edges(shop: Workshop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shop.admin("edges", "-o", "json").output)
    return found


def manifest_of(cluster: Cluster) -> dict[str, Any]:
    """Return the service as `pgward apply` reads it."""
    rule = {
        "name": _RULE,
        "effect": "DENY",
        "on": "statement",
        "condition": "ctx.request.postgres.statement.kind.startsWith('DROP')",
        "reason": _REASON,
    }
    return {
        "kind": "Service",
        "metadata": {"name": SERVICE, "description": "the demo's database, with rules"},
        "spec": {
            "mode": "postgres",
            "upstream": {"host": cluster.host, "port": cluster.port},
            "allow": {"groups": [parts.GROUP]},
            "postgres": {
                "user": {"fromPerson": True},
                "database": {"force": parts.DATABASE},
                "auth": {"certificate": {"minutes": 5}},
                "serverName": parts.SERVER_NAME,
                "policy": {"rules": [rule]},
            },
        },
    }


def one_time(shop: Workshop) -> str:
    """Return the URI of a one-time password, which is good for one connection."""
    return uri_of(shop.person("otp", SERVICE).output)


def uri_of(output: str) -> str:
    """Return the URI in what `pgward otp` printed."""
    command = shlex.split(output)
    if len(command) != 2:  # noqa: PLR2004 - psql and the URI
        raise DemoError("`pgward otp` printed something else than a psql command")
    return command[1]


def query(psql: Psql, uri: str) -> dict[str, Any]:
    """Query with a one-time password; it must not be good a second time."""
    answer = json.loads(psql.query(uri, proofs.as_json(proofs.ASK)))
    if answer["current_user"] != parts.USER:
        raise DemoError(f"it landed as {answer['current_user']!r}, and not as {parts.USER!r}")
    psql.refused(uri, "", what="a one-time password that was used")
    return dict(answer)


def denial(shop: Workshop, site: Site) -> Denial:
    """Have a statement refused; its record must reach the CA's archive."""
    watch = ("audit", "tail", "--follow", "--type", "DENIED", "--service", SERVICE, "-o", "json")
    done = site.psql.run(one_time(shop), DENIED)
    if done.code == 0 or _REASON not in done.messages:
        raise DemoError(f"{DENIED!r} was not refused for the rule's reason: {done.last_words}")
    tail = shop.crew.serve("tail", *watch, home=shop.layout.admin_home)
    record = json.loads(tail.first_line)
    shop.crew.stop(tail)
    if (record["text"], record["user"]) != (DENIED, parts.USER):
        raise DemoError(f"on record is something else: {record['user']}: {record['text']}")
    return Denial(done.last_words, {name: record[name] for name in _SHOWN if name in record})


def verified(shop: Workshop) -> str:
    """Have the chains of records verified, which fails if anything is wrong; say what they are."""
    (chain,) = json.loads(shop.admin("audit", "verify", "-o", "json").output)
    return f"{chain['lines']} records of {chain['edge']}: none was changed, none is missing"
