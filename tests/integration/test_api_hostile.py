"""Hostile requests to every operation of the description: borrowed credentials, nasty texts.

On PostgreSQL, which is stricter than SQLite about what a text may be.
"""

import json
import uuid
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from pgward.ca import store as stores
from pgward.ca.service.app import create_app
from pgward.ca.settings import LimitSettings
from pgward.pki import keys, proof
from pgward.system.postgres import temporary_cluster
from tests.fixtures.ca_service import SEALER, URL, request_pem, service
from tests.integration.test_api_access import TABLE

pytestmark = pytest.mark.integration

NASTY = (
    *("\0", "a\0b", "x" * 3000, "\ud800", "a\nb\x1b[31m", "\u202ealice", "", "zero\u200bwidth"),
    *("%s{}", "\u212aate", "A" * 64, "\U0001f4a5" * 600, "../..", "'\";--"),
)
ODD = (None, True, -1, 10**30, 1.5, [], {}, [None], 2**63)
# Those that a login or a join token opens are tried below.
OPEN = {row for row, (expected, _) in TABLE.items() if expected[0] != 401}


@pytest.fixture(scope="module")
def cluster():
    with temporary_cluster() as running:
        yield running


@pytest.fixture
def store(cluster):
    """Replaces the SQLite store for everything that is built on it here."""
    name = f"ca_{uuid.uuid4().hex[:12]}"
    cluster.psql(f"CREATE DATABASE {name}")
    where = f"{name}?host={cluster.socket_dir}&port={cluster.port}"
    made = stores.create(f"postgresql+psycopg://postgres@/{where}")
    yield made
    made.close()


@pytest.fixture
def app(sql_authority, store, log_key, passwords):
    """Without limits, which would answer in the place of what is tried."""
    settings = sql_authority.settings
    sql_authority.settings = replace(settings, limits=LimitSettings(0, 0, 0, 0))
    return create_app(sql_authority, store, log_key=log_key, sealer=SEALER, passwords=passwords)


def protected():
    return [row.split() for row in TABLE if row not in OPEN]


class Borrowed:
    """Ways to ask with what belongs to somebody else; each returns headers and the right answer."""

    def __init__(self, api, alice, bob):
        self.api, self.alice, self.bob = api, alice, bob
        self.ended = api.device("alice")
        self.ended.call("POST", "/v1/logout")

    def proof(self, key, method, path, token):
        return proof.make(key, method, URL + path, now=self.api.clock.now(), token=token)

    def token(self, device, scheme="DPoP"):
        return {"Authorization": f"{scheme} {device.token}"}

    def ways(self, method, path):
        alice, bob = self.alice, self.bob
        own = self.proof(alice.key, method, path, alice.token)
        elsewhere = self.proof(alice.key, method, f"{path}/x", alice.token)
        other = "GET" if method != "GET" else "POST"
        yield "a token without its key", self.token(alice)
        yield (
            "a token with another's key",
            self.token(alice) | {"DPoP": self.proof(bob.key, method, path, alice.token)},
        )
        yield "a token as bearer", self.token(alice, "Bearer") | {"DPoP": own}
        yield (
            "a proof for another token",
            self.token(alice) | {"DPoP": self.proof(alice.key, method, path, bob.token)},
        )
        yield (
            "a proof for no token",
            self.token(alice) | {"DPoP": self.proof(alice.key, method, path, None)},
        )
        yield "a proof for another path", self.token(alice) | {"DPoP": elsewhere}
        yield (
            "a proof for another method",
            self.token(alice) | {"DPoP": self.proof(alice.key, other, path, alice.token)},
        )
        yield (
            "a login that ended",
            self.token(self.ended)
            | {"DPoP": self.proof(self.ended.key, method, path, self.ended.token)},
        )


def test_nothing_that_is_somebody_else_s_opens_anything(api, admin):
    """An administrator's: whoever gets past the borrowed part would get an answer."""
    api.add("alice", "administrators")
    borrowed = Borrowed(api, api.device("alice"), admin)
    found = {}
    for method, path in protected():
        _, body = TABLE[f"{method} {path}"]
        for what, headers in borrowed.ways(method, path):
            status = api.call(method, path, body, **headers).status_code
            if status not in (401, 403):
                found[f"{method} {path} with {what}"] = status
    assert found == {}
    refused = [e for e in api.events() if e["action"] == "session.stolen"]
    people = [e for e in refused if e["reason"] == "the login belongs to another device"]
    assert {(e["actor"], e["outcome"]) for e in people} == {("alice", "denied")}


def test_a_machine_s_chain_with_another_key_opens_nothing(api, admin, edge):
    host = api.machine(admin, "host", "h1")
    stranger = keys.generate()
    found = {}
    for method, path in protected():
        for what, key, chain in (
            ("the edge's chain", stranger, edge.chain),
            ("the edge's chain and the host's key", host.key, edge.chain),
            ("a CA as a machine", edge.key, edge.chain[1:]),
        ):
            now = api.clock.now()
            made = proof.make(key, method, URL + path, now=now, chain=chain)
            answer = api.call(method, path, TABLE[f"{method} {path}"][1], DPoP=made)
            if answer.status_code not in (401, 403):
                found[f"{method} {path} with {what}"] = answer.status_code
    assert found == {}


def test_every_refusal_of_a_plain_person_is_on_record(api):
    api.add("plain")
    plain = api.device("plain")
    asked = [row.split() for row, (expected, _) in TABLE.items() if expected[:3:2] != (401, 401)]
    asked = [(m, p) for m, p in asked if TABLE[f"{m} {p}"][0][:2] == (401, 403)]
    asked = [each for each in asked if not each[1].startswith("/v1/me/")]  # refused otherwise
    machines = ("/v1/machine/", "/v1/edge/", "/v1/edges/self/", "/v1/host/", "/v1/connector/")
    people = [(m, p) for m, p in asked if not p.startswith(machines)]
    assert len(people) > 20
    auditors = ("/v1/access/report", "/v1/audit", "/v1/catalog", "/v1/database-sessions")
    for method, path in people:
        answer = plain.call(method, path, TABLE[f"{method} {path}"][1])
        reads = path.startswith(auditors) and not path.endswith(("/end", "/refresh"))
        who = "auditor" if reads else "administrator"
        assert answer.json()["error"]["message"] == f"only an {who} may do this"
    refused = [e for e in api.events() if e["action"] == "request.refuse"]
    expected = [(f"{method} {path}", "plain", "denied") for method, path in people]
    assert [(e["target"], e["actor"], e["outcome"]) for e in refused] == expected


# Zero width, reordering, soft hyphen, Cyrillic, full width, Kelvin, dotless i, a dot that is none.
ALIKE = "\u200b\u202e\u00ad\u0430\uff41\u212a\u0131\u2024\ufe00\u3002"


def _named(letter):
    """Requests that each name something new with this letter."""
    name = f"ali{letter}ce"
    people = {"appliesTo": {"groups": ["dba"]}, "altNames": [f"email:{{user}}@{name}.test"]}
    profile = {"kind": "CertificateProfile", "metadata": {"name": "p"}, "spec": people}
    return [
        ("POST", "/v1/users", {"name": name}),
        ("POST", "/v1/users", {"name": f"bob{letter}", "groups": [f"dba{letter}"]}),
        ("POST", f"/v1/groups/{_quoted(name)}/members", {"add": ["root"]}),
        ("POST", "/v1/tokens", {"kind": "host", "name": name}),
        ("POST", "/v1/tokens", {"kind": "host", "name": "h1", "dns": [f"{name}.test"]}),
        ("PUT", "/v1/resources/Service/orders", service(allow={"users": [name]})),
        ("PUT", "/v1/resources/Service/orders", service(upstream={"host": f"{name}.test"})),
        ("PUT", "/v1/resources/CertificateProfile/p", profile),
    ]


def test_all_of_these_names_are_fine_with_a_plain_letter(admin):
    for method, path, body in _named("x"):
        answer = admin.call(method, path, body)
        assert answer.is_success, (path, body, answer.text)


def test_no_name_only_looks_like_another_one(admin):
    for letter in ALIKE:
        for method, path, body in _named(letter):
            answer = admin.call(method, path, body)
            assert answer.status_code == 422, (path, body, answer.text)


class Tried:
    """Sends, and remembers what the authority could not answer."""

    def __init__(self, api, admin, edge):
        self.api, self.admin, self.edge = api, admin, edge
        self.failed: list[str] = []
        self.count = 0

    def send(self, method: str, path: str, body: Any = None, query: str = "") -> None:
        url, now = URL + path, self.api.clock.now()
        if path.startswith(("/v1/machine", "/v1/edge/")):
            made = proof.make(self.edge.key, method, url, now=now, chain=self.edge.chain)
            headers = {"DPoP": made}
        else:
            made = proof.make(self.admin.key, method, url, now=now, token=self.admin.token)
            headers = {"DPoP": made, "Authorization": f"DPoP {self.admin.token}"}
        if path in ("/v1/login", "/v1/enroll"):
            headers = {"DPoP": proof.make(keys.generate(), method, url, now=now)}
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = None if body is None else json.dumps(body).encode()  # \ud800 as an escape
        answer = self.api.client.request(method, path + query, content=content, headers=headers)
        self.count += 1
        if answer.status_code == 500 or (
            answer.status_code == 503 and "switched" not in answer.text
        ):
            self.failed.append(f"{method} {path[:60]}{query[:60]} {str(body)[:80]}: {answer.text}")


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def _fields(schema: dict[str, Any], known: dict[str, Any]) -> list[str]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return list((known[name] if name else schema).get("properties", {}))


def _row(method: str, path: str) -> Any:
    """A body that is fine for this operation."""
    want = path.split("/")
    for row, (_, body) in TABLE.items():
        parts = row.split()[1].split("/")
        same = len(parts) == len(want) and all(
            a.startswith("{") or a == b for a, b in zip(want, parts, strict=True)
        )
        if same and row.startswith(f"{method} "):
            return body
    return None


def _good(path: str, parameters: list[dict[str, Any]], nasty: tuple[str, str] | None) -> str:
    for each in parameters:
        value = "Service" if each["name"] == "kind" else "bob"
        if nasty is not None and nasty[0] == each["name"]:
            value = _quoted(nasty[1])
        path = path.replace(f"{{{each['name']}}}", value)
    return path


def _in_addresses(path, parameters):
    """Paths and queries with one nasty parameter each."""
    plain = _good(path, parameters, None)
    for each in parameters:
        for text in NASTY[:6]:
            if each["in"] == "path":
                yield _good(path, parameters, (each["name"], text)), ""
            elif each["in"] == "query":
                yield plain, f"?{each['name']}={_quoted(text)}"


def _operations(described):
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if path != "/v1/logout":
                yield method.upper(), path, operation


@pytest.mark.soak
def test_no_text_in_an_address_makes_the_authority_fail(api, admin, edge):
    tried = Tried(api, admin, edge)
    for method, path, operation in _operations(api.call("GET", "/v1/openapi.json").json()):
        for url, query in _in_addresses(path, operation.get("parameters", [])):
            tried.send(method, url, _row(method, path), query)
    assert tried.failed == []
    assert tried.count > 300


@pytest.mark.soak
def test_no_value_of_a_field_makes_the_authority_fail(api, admin, edge):
    described = api.call("GET", "/v1/openapi.json").json()
    tried = Tried(api, admin, edge)
    for method, path, operation in _operations(described):
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        good, url = _row(method, path) or {}, _good(path, operation.get("parameters", []), None)
        for field in _fields(schema, described["components"]["schemas"]):
            for value in (*NASTY[:6], *([text] for text in NASTY[:4]), *ODD):
                tried.send(method, url, good | {field: value})
    assert tried.failed == []
    assert tried.count > 500


def test_no_text_in_a_resource_or_an_edge_s_event_does_so_either(api, admin, edge):
    tried = Tried(api, admin, edge)
    for text in NASTY:
        for spec in ({"database": text}, {"serverName": text}, {"allow": {"users": [text]}}):
            tried.send("PUT", "/v1/resources/Service/orders", service(**spec))
        named = service()
        named["metadata"] = {"name": "orders", "description": text}
        tried.send("PUT", "/v1/resources/Service/orders", named)
        words = dict.fromkeys(("actor", "target", "reason", "client"), text)
        told = {"id": "a", "time": "2026-11-21T12:00:00Z", "outcome": "ok"} | words
        batch = [told | {"action": "session.open", "details": {text: text}}]
        tried.send("POST", "/v1/edge/events", {"events": batch})
        tried.send("POST", "/v1/login", {"user": text, "password": text})
        tried.send("POST", "/v1/enroll", {"token": text, "csr": request_pem()})
    assert tried.failed == []


BODIES = {
    "a member twice": b'{"user": "root", "password": "wrong", "user": "alice"}',
    "a member twice, deep": b'{"user": {"a": 1, "a": 2}, "password": "x"}',
    "NaN": b'{"user": NaN, "password": "x"}',
    "a number without an end": b'{"user": ' + b"9" * 5000 + b', "password": "x"}',
    "a thousand levels": b'{"user": ' + b"[" * 1000 + b"]" * 1000 + b', "password": "x"}',
    "thirty thousand levels": b"[" * 30_000 + b"]" * 30_000,
    "UTF-16": '{"user": "root", "password": "x"}'.encode("utf-16"),
    "a mark before it": b'\xef\xbb\xbf{"user": "root", "password": "x"}',
    "half a letter": b'{"user": "\xff", "password": "x"}',
    "nothing": b"",
    "two of them": b'{"user": "root", "password": "x"}{}',
}


def test_json_that_two_readers_could_read_in_two_ways_is_refused(api):
    found = {}
    for what, content in BODIES.items():
        made = proof.make(keys.generate(), "POST", f"{URL}/v1/login", now=api.clock.now())
        headers = {"DPoP": made, "Content-Type": "application/json"}
        answer = api.client.request("POST", "/v1/login", content=content, headers=headers)
        found[what] = (answer.status_code, answer.json()["error"]["code"])
    assert found == dict.fromkeys(BODIES, (400, "invalid")) | {"nothing": (422, "invalid")}


def test_a_stranger_s_long_batch_is_not_read(api, monkeypatch):
    read = []
    monkeypatch.setattr("pgward.core.strict_json.loads", lambda body: read.append(len(body)))
    body = b'{"events": [' + b"[]," * 300_000 + b"[]]}"
    headers = {"Content-Type": "application/json"}
    answer = api.client.request("POST", "/v1/edge/events", content=body, headers=headers)
    assert (answer.status_code, read) == (401, [])
