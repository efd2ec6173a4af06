"""Nasty names at every place of resources, requests and messages: refused, or kept as they stand.

What is kept is data from there on: tests/integration/access/test_injection.py takes it to servers.
"""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgward.access.wanted import Wanted
from pgward.ca.access import asking
from pgward.ca.access.details import filled
from pgward.ca.notices.mail import Mail
from pgward.ca.notices.settings import SmtpSettings
from pgward.ca.notices.slack import blocks
from pgward.ca.resources import kinds
from pgward.ca.service.access_models import AskBody
from pgward.ca.store import audit
from pgward.core.errors import ConflictError, InvalidInputError, PgwardError
from pgward.hba.roles import section
from pgward.hba.syntax.versions import Abilities
from pgward.system import spreadsheets
from pgward.system.safe_text import UNSAFE
from tests.fixtures.access_world import BUNDLE_SPEC, FLOW, INTEGRATION, on
from tests.fixtures.nasty_names import NASTY
from tests.fixtures.notices import message

Place = Callable[[str], dict[str, Any]]
EACH = frozenset(NASTY)
CONTROLS = {"newline", "carriage return", "tab", "zero byte", "escape", "delete"}
DISGUISED = {"next line", "line separator", "reordering", "zero width", "byte order mark"}
NO_NAME = {"empty", "64 letters", "64 bytes"}
LABEL = {"everybody", "keyword", "public", "none", "superuser", "63 letters"}
HOST = LABEL | {"dot", "shouted public"}
PERSON = HOST | {"current user", "session user", "system", "ours"}
PATTERN = EACH - CONTROLS - NO_NAME - {"lone surrogate"}
STARS = {"block comment", "chat", "star", "regular expression"}
WORDS = EACH - CONTROLS - DISGUISED - {"lone surrogate"} | {"newline"}
ALIKE = {"looks like a superuser", "confusable", "fullwidth quote", "decomposed"}
PUBLIC = {"public", "shouted public", "none"}
ROLE = PATTERN - DISGUISED - ALIKE - PUBLIC - {"braces", "regular expression", "blanks around"}
LONG = {"63 letters", "63 bytes"}


def integration(**change: Any) -> dict[str, Any]:
    return {"kind": "Integration", "metadata": {"name": "x"}, "spec": INTEGRATION | change}


def bundle(**change: Any) -> dict[str, Any]:
    return {"kind": "RoleBundle", "metadata": {"name": "x"}, "spec": BUNDLE_SPEC | change}


def flow(**change: Any) -> dict[str, Any]:
    spec = {key: value for key, value in (FLOW | change).items() if value is not None}
    return {"kind": "AccessFlow", "metadata": {"name": "x"}, "spec": spec}


def named(made: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return made | {"metadata": {"name": "x"} | metadata}


def objects(**change: Any) -> list[dict[str, Any]]:
    return [{"database": "a", "schema": "b", "tables": ["c"], "grant": ["SELECT"]} | change]


def only(kind: str, name: str, privilege: str) -> list[dict[str, Any]]:
    return [{"database": "a", "schema": "b", kind: [name], "grant": [privilege]}]


PLACES: dict[str, tuple[set[str] | frozenset[str], Place]] = {
    "Integration": (LABEL, lambda name: named(integration(), name=name)),
    "Integration.description": (WORDS, lambda name: named(integration(), description=name)),
    "Integration.connector": (LABEL, lambda name: integration(connector=name)),
    "Integration.host": (HOST, lambda name: integration(host=name)),
    "Integration.database": (PATTERN, lambda name: integration(database=name)),
    "Integration.user": (ROLE, lambda name: integration(user=name)),
    "Integration.serverName": (HOST, lambda name: integration(serverName=name)),
    "Integration.roleName": (
        (ROLE | PUBLIC | {"empty"}) - LONG - {"ours"},
        lambda name: integration(roleName=name + "{user}"),
    ),
    "Integration.stripDomain": (HOST, lambda name: integration(stripDomain=name)),
    "Integration.reassignTo": (
        ROLE - {"system", "superuser", "ours"},
        lambda name: integration(reassignTo=name),
    ),
    "Integration.hosts": (LABEL, lambda name: integration(hosts=[name])),
    "Integration.owner.users": (PERSON, lambda name: integration(owner={"users": [name]})),
    "Integration.owner.groups": (LABEL, lambda name: integration(owner={"groups": [name]})),
    "Integration.ownerTag": (LABEL, lambda name: integration(ownerTag=name)),
    "Integration.tags, its keys": (LABEL, lambda name: integration(tags={name: "a"})),
    "Integration.tags, its values": (WORDS, lambda name: integration(tags={"a": name})),
    "Integration.objectTags.database": (
        PATTERN,
        lambda name: integration(objectTags=[{"database": name, "tags": {"a": "b"}}]),
    ),
    "Integration.objectTags.table": (
        PATTERN,
        lambda name: integration(
            objectTags=[{"database": "a", "schema": "b", "table": name, "tags": {"a": "b"}}]
        ),
    ),
    "Integration.details": (WORDS, lambda name: integration(details=name)),
    "Integration.discovery": (
        PATTERN,
        lambda name: integration(discovery={"databases": [name], "exclude": [name]}),
    ),
    "Integration.accounts.user": (
        ROLE,
        lambda name: integration(accounts=[{"user": name, "secret": "s"}]),
    ),
    "Integration.accounts.secret": (
        LABEL,
        lambda name: integration(accounts=[{"user": "u", "secret": name}]),
    ),
    "RoleBundle": (LABEL - LONG, lambda name: named(bundle(), name=name)),
    "RoleBundle.integrations": (LABEL, lambda name: bundle(integrations=[name])),
    "RoleBundle.roles": (ROLE - {"superuser", "ours"}, lambda name: bundle(roles=[name])),
    "RoleBundle.privileges.database": (
        PATTERN - STARS,
        lambda name: bundle(privileges=objects(database=name)),
    ),
    "RoleBundle.privileges.schema": (
        PATTERN,
        lambda name: bundle(privileges=objects(schema=name)),
    ),
    "RoleBundle.privileges.tables": (
        PATTERN,
        lambda name: bundle(privileges=objects(tables=[name])),
    ),
    "RoleBundle.privileges.sequences": (
        PATTERN,
        lambda name: bundle(privileges=only("sequences", name, "USAGE")),
    ),
    "RoleBundle.privileges.functions": (
        PATTERN,
        lambda name: bundle(privileges=only("functions", name, "EXECUTE")),
    ),
    "RoleBundle.privileges.grant": (
        set(),
        lambda name: bundle(privileges=only("functions", "f", name)),
    ),
    "AccessFlow": (LABEL, lambda name: named(flow(), name=name)),
    "AccessFlow.services": (LABEL, lambda name: flow(services=[name])),
    "AccessFlow.serviceLabels": (
        WORDS,
        lambda name: flow(services=None, serviceLabels={"a": name}),
    ),
    "AccessFlow.who": (PERSON, lambda name: flow(who={"users": [name]})),
    "AccessFlow.bundles": (LABEL, lambda name: flow(bundles=[name])),
    "AccessFlow.roles": (ROLE - {"superuser", "ours"}, lambda name: flow(roles=[name])),
    "AccessFlow.privileges.database": (
        PATTERN,
        lambda name: flow(privileges=objects(database=name)),
    ),
    "AccessFlow.approvals": (LABEL, lambda name: flow(approvals=[{"groups": [name]}])),
    "AccessFlow.automatic.name": (
        LABEL,
        lambda name: flow(automatic=[{"name": name, "match": "true"}]),
    ),
    "AccessFlow.automatic.match": (
        set(),
        lambda name: flow(automatic=[{"name": "a", "match": name}]),
    ),
    "AccessFlow.reason.matches": (
        EACH
        - CONTROLS
        - DISGUISED
        - {"lone surrogate", "empty", "members", "backslash at the end"},
        lambda name: flow(reason={"matches": name}),
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_resource_takes_a_name_as_it_stands_or_not_at_all(place: str) -> None:
    takes, build = PLACES[place]
    taken = set()
    for what, name in NASTY.items():
        given = build(name)
        try:
            kept = kinds.read(given["kind"], given)
        except PgwardError:
            continue
        said = kept.model_dump(mode="json", by_alias=True, exclude_unset=True)
        lowered = place.rpartition(".")[2] in ("host", "serverName", "stripDomain")
        assert said["spec"] == (build(name.lower()) if lowered else given)["spec"]
        taken.add(what)
    assert taken == set(takes)


REQUESTS = "/v1/access/requests"
WHOLE = EACH - {"zero byte", "lone surrogate", "64 letters", "64 bytes", "empty"}


def on_table(name: str) -> dict[str, Any]:
    kind = {"kind": "table", "privileges": ["SELECT"]}
    return {"database": name, "schema": name, "name": name, **kind}


@pytest.mark.parametrize(
    ("place", "takes"),
    [("bundles", LABEL), ("roles", EACH), ("privileges", WHOLE)],
)
def test_what_is_asked_for_is_a_name_or_refused(place: str, takes: set[str]) -> None:
    """A role is one that the flow names, letter by letter."""
    taken = set()
    for what, name in NASTY.items():
        given = [on_table(name)] if place == "privileges" else [name]
        try:
            asked = AskBody.model_validate({"service": "shop", place: given}).asked()
        except (ValueError, InvalidInputError):
            continue
        rights = asked.rights
        found = [*asked.bundles, *rights.roles, *(each.name for each in rights.objects)]
        assert found == [name]
        taken.add(what)
    printed = {what for what, name in NASTY.items() if name.isprintable()}
    assert taken == (printed - {"empty", "64 letters"} if place == "roles" else takes)


def test_a_reason_is_a_line_of_text_and_no_rule_reads_more_of_it(access, monkeypatch) -> None:
    monkeypatch.setattr(asking, "MOST_WAITING", 100)
    rules = [{"name": "ticket", "match": "ctx.request.reason == 'no' || ctx.request.seconds == 1"}]
    access.flow(automatic=rules, reason="optional")
    taken = set()
    for what, name in NASTY.items():
        try:
            made = access.ask(asked=on("shop", "public", what), reason=name)
        except InvalidInputError:
            continue
        assert (made.reason, made.state) == (name, "pending")
        taken.add(what)
    assert taken == WORDS | {"64 letters", "64 bytes", "empty"}


def test_a_ticket_is_what_the_whole_reason_is(access) -> None:
    access.flow(reason={"matches": "^TICKET-[0-9]+$"})
    for name in NASTY.values():
        for reason in (f"TICKET-1{name}", f"{name}TICKET-1", f"TICKET-1\n{name}"):
            if reason != "TICKET-1":
                with pytest.raises(PgwardError):
                    access.ask(reason=reason)
    assert access.ask(reason="TICKET-1").state == "pending"


def test_what_was_asked_for_reaches_the_connector_as_it_stands(access, who, api, admin) -> None:
    everything = objects(database="*", schema="*", tables=["*"])
    access.flow(privileges=everything, approvals=[])
    names = sorted(NASTY[what] for what in WHOLE)
    wanted = [on_table(each) | {"database": "shop"} for each in names]
    body = {"service": "shop", "reason": "T", "privileges": wanted}
    roles = sorted(NASTY[what] for what in ROLE)
    answer = who("ann").call("POST", REQUESTS, body)
    assert answer.status_code == 201, answer.text
    assert sorted(each["name"] for each in answer.json()["request"]["privileges"]) == names
    assert who("ann").call("POST", REQUESTS, body | {"roles": roles}).status_code == 403

    connector = api.machine(admin, "connector", "c1")
    told = connector.call("GET", "/v1/connector/wanted", query="?after=0&wait=0").json()
    (grant,) = Wanted.read(told["integrations"][0]["wanted"]).grants
    assert sorted(each.schema for each in grant.rights.objects) == names


def test_what_a_connector_says_is_data(access, api, admin) -> None:
    connector = api.machine(admin, "connector", "c1")
    names = [NASTY[what] for what in EACH - {"zero byte", "lone surrogate"}]
    report = {
        "id": "a" * 32,
        "integration": "shop-db",
        "version": 1,
        "drift": [{"what": "x", "role": n, "detail": n, "mended": True} for n in names],
        "statements": [
            {"at": "2026-03-01T12:00:00Z", "database": each, "sql": each} for each in names
        ],
        "health": {"state": "ok", "problem": "".join(names)[:1000]},
    }
    assert connector.call("POST", "/v1/connector/report", report).status_code == 200
    with access.store.read() as connection:
        events = audit.events(connection, after=0, limit=1000)
    drift = [each["details"]["role"] for each in events if each["action"] == "access.drift"]
    assert sorted(drift) == sorted(names)


def test_names_of_people_are_theirs_alone(access) -> None:
    taken = set()
    for what, name in NASTY.items():
        try:
            access.add(name)
        except (InvalidInputError, ConflictError):
            continue
        taken.add(what)
        with pytest.raises(ConflictError):
            access.add(name.swapcase())
    assert taken == PERSON - {"shouted public"}  # who is the same person as public


@pytest.mark.parametrize("what", sorted(PERSON | {"63 letters"}))
def test_a_role_of_a_person_is_none_of_the_servers(what: str) -> None:
    """Nor one that would be cut, which would be somebody else's."""
    spec = kinds.read("Integration", integration()).spec
    if what in {"system", "superuser", "ours", "public", "shouted public", "none"}:
        with pytest.raises(InvalidInputError):
            spec.role_of(NASTY[what])
    else:
        assert spec.role_of(NASTY[what]) == NASTY[what]
    longer = kinds.read("Integration", integration(roleName="jit_{user}")).spec
    if what == "63 letters":
        with pytest.raises(InvalidInputError):
            longer.role_of(NASTY[what])
    else:
        assert longer.role_of(NASTY[what]) == "jit_" + NASTY[what]


def test_in_the_map_of_a_server_a_role_is_a_name() -> None:
    """pg_ident.conf has one line for each, whatever stands in it (manual, chapter 20.2)."""
    roles = {NASTY[what] for what in ROLE}
    written = section.put(b"", {("ann", role) for role in roles}, "pgward", "pg_ident.conf")
    for version in (13, 15, 16, 18):
        found = section.read(written, "pgward", Abilities.of(version), "pg_ident.conf")
        assert found is not None
        assert {role for _, role in found.pairs} == roles


def test_details_of_a_server_are_filled_in_once() -> None:
    for name in NASTY.values():
        values = {"user": name, "service": "{user}", "role": name, "database": "{role}"}
        assert (
            filled("{user}|{service}|{role}|{database}", values)
            == f"{name}|{{user}}|{name}|{{role}}"
        )


@pytest.mark.parametrize("what", sorted(EACH))
def test_in_messages_a_name_is_text(what: str) -> None:
    name = NASTY[what]
    told = message(person=name, service=name, asked_for=(name,), reason=name)
    assert not UNSAFE.search(told.heading)
    assert not any(UNSAFE.search(value) for _, value in told.lines)
    assert told.commands == message().commands
    mail = Mail(SmtpSettings("mail.test:25", sender="a@example.com"), Path(), "Acme", "ca.test", "")
    made = mail.compose(told, "bob@example.com")
    assert made is not None
    assert sorted(made.keys()) == sorted(mail.compose(message(), "bob@example.com").keys())
    assert "<script>" not in made.get_body(["html"]).get_content()
    shown = blocks(told)
    assert [each["type"] for each in shown["blocks"]] == [
        each["type"] for each in blocks(message())["blocks"]
    ]
    assert all(
        "<!" not in each["text"]["text"]
        for each in shown["blocks"]
        if each["text"]["type"] == "mrkdwn"
    )


def test_in_a_spreadsheet_a_name_is_text() -> None:
    for name in NASTY.values():
        (cells,) = csv.reader(io.StringIO(spreadsheets.line([name, "b"])))
        assert cells[1:] == ["b"]
        assert not cells[0].startswith(("=", "+", "-", "@"))
        assert not UNSAFE.search(cells[0])
