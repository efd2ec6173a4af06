import pytest

from pgward.connector.assignment import ServerSettings
from pgward.connector.checking import Finding, check, worst
from pgward.core.errors import UnavailableError
from tests.fixtures.connectors import settings_fields

FACTS = {
    "version": "16.4",
    "recovery": False,
    "user": "pgward_connector",
    "super": False,
    "createrole": True,
    "tls": "TLSv1.3",
    "heir": {"there": True, "member": True},
}


class Server:
    """Says these facts, as one row."""

    version = 16
    database = "postgres"

    def __init__(self, facts):
        self.facts = facts

    def connect(self, _database=None):
        if isinstance(self.facts, Exception):
            raise self.facts
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def execute(self, *_):
        return self

    def fetchone(self):
        return (self.facts,)


def found(facts=FACTS, heir=None, **changes):
    settings = ServerSettings.read(settings_fields(**changes))
    return check("shop-db", settings, Server(facts), heir=heir)


def test_a_server_as_it_should_be():
    findings = found(heir="app", ssl_mode="verify-full")
    assert [(each.what, each.verdict, each.text) for each in findings] == [
        ("connection", "ok", "PostgreSQL 16.4 at db1.internal:5432 takes pgward_connector"),
        ("tls", "ok", "TLSv1.3, verify-full"),
        ("rights", "ok", "pgward_connector may make roles"),
        ("reassignTo", "ok", "pgward_connector can hand over to app"),
    ]
    assert worst(findings) == "ok"


@pytest.mark.parametrize(
    ("changes", "settings", "what", "verdict", "text"),
    [
        ({"tls": None}, {}, "tls", "warning", "the connection is in clear text"),
        ({"tls": None}, {"host": "/run"}, "tls", "ok", "a Unix socket needs no TLS"),
        ({}, {"ssl_mode": "require"}, "tls", "warning", "nobody knows who answers"),
        ({"recovery": True}, {}, "primary", "problem", "it is a standby"),
        ({"super": True}, {}, "rights", "warning", "is a superuser: far less will do"),
        ({"createrole": False}, {}, "rights", "problem", "may make no roles"),
        ({"heir": {"there": False}}, {}, "reassignTo", "problem", "there is no role app"),
        (
            {"heir": {"there": True, "member": False}},
            {},
            "reassignTo",
            "problem",
            "is no member of app",
        ),
    ],
)
def test_each_thing_that_is_not(changes, settings, what, verdict, text):
    heir = "app" if "heir" in changes else None
    (one,) = [each for each in found(FACTS | changes, heir, **settings) if each.what == what]
    assert one.verdict == verdict
    assert text in one.text
    assert (one.hint is None) == (verdict == "ok")


def test_a_server_that_is_away_is_one_problem():
    findings = found(UnavailableError("it is away", hint="look"))
    assert findings == [Finding("shop-db", "connection", "problem", "it is away", "look")]
    assert findings[0].to_json() == {
        "integration": "shop-db",
        "check": "connection",
        "verdict": "problem",
        "text": "it is away",
        "hint": "look",
    }


def test_a_problem_is_worse_than_a_warning():
    made = [Finding("a", "b", each, "c") for each in ("ok", "warning", "problem")]
    assert [worst(made[:count]) for count in range(4)] == ["ok", "ok", "warning", "problem"]
