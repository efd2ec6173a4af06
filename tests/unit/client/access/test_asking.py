import json
from datetime import UTC, datetime, timedelta

import pytest

from pgward.client.access import asking
from pgward.client.access.waiting import Waiter
from pgward.core.clock import rfc3339
from pgward.system import terminal
from tests.fixtures.asked import ENTRY, ID, SELECT, approved, decision, grant, offer, request
from tests.fixtures.commands import body
from tests.fixtures.fake_ca import error

SOON = rfc3339(datetime.now(UTC) + timedelta(hours=24, seconds=5))
NOW = rfc3339(datetime.now(UTC))


@pytest.fixture
def ca(fake_ca):
    fake_ca.routes["GET /v1/access/offers"] = {"offers": [offer()]}
    fake_ca.routes["POST /v1/access/requests"] = {"request": request(lapses_at=SOON)}
    return fake_ca


@pytest.mark.usefixtures("ca")
def test_with_nothing_but_a_service_it_shows_what_there_is(logged_in):
    done = logged_in("request", "shop")
    assert done.stdout.splitlines() == [
        "flow               shop-oncall",
        "service            the shop",
        "what               --bundle shop-reading (role pg_read_all_data)",
        "                   --role reporting",
        "                   --on 'table shop.public.orders:SELECT'",
        "for at most        8 hours, if not said otherwise 1 hour",
        "--break-glass      1 hour at once",
        "approvals          1 of group dba",
        "approved by rules  on-call",
        "reason             required",
    ]
    assert (
        done.stderr
        == "for example: pgward request shop --bundle shop-reading --for 1h --reason 'TEXT'\n"
    )
    assert json.loads(logged_in("request", "shop", "-o", "json").stdout) == [offer()]


def test_several_flows_and_one_that_lets_in_only(logged_in, ca):
    entry = offer(**ENTRY, reason_matches="^T-[0-9]+$", break_glass_seconds=None, automatic=[])
    ca.routes["GET /v1/access/offers"] = {"offers": [offer(), entry | {"description": ""}]}
    done = logged_in("request", "shop")
    assert done.stdout.splitlines()[-7:] == [
        "",
        "flow           shop-oncall",
        "what           entry to the service",
        "for at most    8 hours, if not said otherwise 1 hour",
        "approvals      1 of group dba",
        "reason         required",
        "which matches  ^T-[0-9]+$",
    ]
    assert done.stderr == "for example: pgward request shop --for 1h --reason 'TEXT'\n"


def test_what_there_is_in_an_emergency_only(logged_in, ca):
    ca.routes["GET /v1/access/offers"] = {"offers": [offer(**ENTRY, only_break_glass=True)]}
    assert logged_in("request", "shop").stdout.splitlines() == [
        "flow           shop-oncall",
        "service        the shop",
        "what           entry to the service",
        "--break-glass  1 hour at once",
        "reason         required",
    ]
    row = logged_in("request").stdout.splitlines()[1]
    assert row.split()[-3:] == ["1", "hour", "--break-glass"]


def test_what_there_is_at_all(logged_in, ca):
    ca.routes["GET /v1/access/offers"] = {"offers": [offer(), offer(**ENTRY, service="stock")]}
    done = logged_in("request")
    title, shop, stock = done.stdout.splitlines()
    assert title.split() == ["SERVICE", "FLOW", "WHAT", "FOR", "AT", "MOST", "APPROVALS"]
    assert "--bundle shop-reading, --role reporting, --on 'table shop.public.orders:SELECT'" in shop
    assert "entry to the service" in stock
    assert done.stderr == "pgward request SERVICE shows how to ask for it\n"


def test_where_nothing_may_be_asked_for(logged_in, ca):
    ca.routes["GET /v1/access/offers"] = {"offers": []}
    assert logged_in("request", "x").stderr == "there is nothing at x that you may ask for\n"
    assert logged_in("request").stderr == "there is nothing that you may ask for\n"
    refused = logged_in("request", "x", "--for", "1h")
    assert refused.exit_code == 1
    assert refused.stderr == (
        "pgward: there is nothing at 'x' that you may ask for\n"
        "hint: pgward request shows all that you may ask for\n"
    )


def test_asking_says_what_was_asked_and_who_decides(logged_in, ca):
    words = ["--bundle", "shop-reading", "--role", "reporting", "--for", "2h", "--reason", "T-7"]
    words += ["--on", "table shop.public.orders:SELECT"]
    done = logged_in("request", "shop", *words)
    assert body(ca) == {
        "service": "shop",
        "flow": None,
        "bundles": ["shop-reading"],
        "roles": ["reporting"],
        "privileges": [SELECT.to_json()],
        "seconds": 7200,
        "reason": "T-7",
        "break_glass": False,
    }
    assert done.stdout.splitlines() == [
        f"id           {ID}",
        "state        pending, lapses in 1 day",
        "asked by     alice",
        "service      shop",
        "integration  shop-db",
        "flow         shop-oncall",
        "what         shop-reading (role pg_read_all_data)",
        "             role reporting",
        "             table shop.public.orders:SELECT",
        "for          2 hours",
        "reason       TICKET-7",
        "approvals    1 of group dba",
        "waits for    bob",
        "             carol",
    ]
    assert done.stderr == "it waits for bob, carol: pgward requests show 4f0c12\n"


@pytest.mark.usefixtures("ca")
def test_as_data_it_is_the_whole_request(logged_in):
    done = logged_in("request", "shop", "--role", "reporting", "--reason", "x", "-o", "json")
    assert json.loads(done.stdout) == request(lapses_at=SOON)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (
            approved(automatic="on-call"),
            [
                "the rule on-call approved it",
                "pgward psql shop; when you are done: pgward revoke 4f0c12",
            ],
        ),
        (
            approved(break_glass=True, grant=grant(state="pending")),
            [
                "who approves is told, and somebody has to take note of it afterwards",
                "it is being made: pgward requests show 4f0c12",
            ],
        ),
        (approved(grant=None), []),
    ],
    ids=["automatic", "break-glass", "extended"],
)
def test_what_is_approved_at_once(logged_in, ca, answer, told):
    ca.routes["POST /v1/access/requests"] = {"request": answer}
    done = logged_in("request", "shop", "--role", "reporting", "--reason", "x", "--break-glass")
    assert (done.exit_code, done.stderr.splitlines()) == (0, told)


def test_the_one_thing_there_is_need_not_be_named(logged_in, ca):
    only = offer(roles=[], privileges=[], reason="optional")
    ca.routes["GET /v1/access/offers"] = {"offers": [only]}
    assert logged_in("request", "shop", "--for", "1h").exit_code == 0
    assert body(ca)["bundles"] == ["shop-reading"]


@pytest.mark.usefixtures("ca")
def test_where_there_is_a_choice_it_is_shown(logged_in):
    refused = logged_in("request", "shop", "--for", "1h")
    assert (refused.exit_code, refused.stderr.splitlines()) == (
        2,
        [
            "pgward: say what you need at shop",
            "hint: one or several of",
            "  --bundle shop-reading",
            "  --on 'table shop.public.orders:SELECT'",
            "  --role reporting",
        ],
    )


@pytest.mark.usefixtures("ca")
def test_what_is_no_object_is_told_before_the_ca_is_asked(logged_in, fake_ca):
    refused = logged_in("request", "shop", "--on", "orders")
    assert (refused.exit_code, fake_ca.calls) == (2, [])
    assert refused.stderr == (
        "pgward: 'orders' is not understood\nhint: for example: 'table shop.public.orders:SELECT'\n"
    )


def test_a_reason_is_asked_for_where_one_is_needed(logged_in, ca, monkeypatch):
    refused = logged_in("request", "shop", "--role", "reporting")
    assert (refused.exit_code, refused.stderr) == (
        2,
        "pgward: shop asks for a reason\nhint: --reason 'TEXT'\n",
    )
    monkeypatch.setattr(terminal, "interactive", lambda: True)
    monkeypatch.setattr(terminal, "ask", lambda label: f"{label} T-9")
    assert logged_in("request", "shop", "--role", "reporting").exit_code == 0
    assert body(ca)["reason"] == "Reason T-9"


def test_the_cas_refusal_is_told(logged_in, ca):
    ca.routes["POST /v1/access/requests"] = error("denied", "you may not ask for that")
    refused = logged_in("request", "shop", "--role", "reporting", "--reason", "x")
    assert (refused.exit_code, refused.stderr) == (3, "pgward: you may not ask for that\n")


# --- waiting ------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch):
    """Have nobody wait in earnest."""

    class Quick(Waiter):
        def __init__(self, seconds, say):
            passed = [0.0]
            super().__init__(seconds, say, pause=passed.append, now=lambda: sum(passed))

    monkeypatch.setattr(asking, "Waiter", Quick)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (approved(), 0, "when you are done: pgward revoke 4f0c12"),
        (request(state="denied", decisions=[decision("deny")]), 3, "bob denied your request"),
        (
            approved(grant=grant(state="ended", end_reason="failed", problem="no such table")),
            1,
            "could not be given: no such table",
        ),
    ],
    ids=["approved", "denied", "failed"],
)
def test_waiting_for_the_end_of_it(logged_in, ca, answer, code, said):
    ca.routes[f"GET /v1/access/requests/{ID}"] = {"request": answer}
    done = logged_in("request", "shop", "--role", "reporting", "--reason", "x", "--wait")
    first, *rest = done.stderr.splitlines()
    assert first == "4f0c12 waits for bob, carol; Ctrl-C ends the waiting only"
    assert (done.exit_code, said in "\n".join(rest)) == (code, True)


@pytest.mark.usefixtures("quick")
def test_waiting_has_an_end(logged_in, ca):
    ca.routes[f"GET /v1/access/requests/{ID}"] = {"request": request()}
    words = ["request", "shop", "--role", "reporting", "--reason", "x"]
    done = logged_in(*words, "--wait", "--timeout", "1s", "-o", "json")
    assert (done.exit_code, done.stdout) == (1, "")
    told = json.loads(done.stderr.splitlines()[-1])["error"]
    assert (told["code"], told["message"]) == (
        "undecided",
        "nobody has decided yet; the request stays",
    )


# --- extending ----------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_more_time_is_a_new_request(logged_in, ca):
    new = approved(id="9" * 16, extends=ID, grant=None)
    ca.routes["GET /v1/access/requests"] = {"requests": [approved()], "after": None}
    ca.routes[f"GET /v1/access/requests/{ID}"] = {"request": approved()}
    ca.routes[f"POST /v1/access/requests/{ID}/extend"] = {"request": new}
    done = logged_in("extend", "4f0c", "--for", "1h", "--reason", "not done", "--wait")
    assert body(ca) == {"seconds": 3600, "reason": "not done"}
    assert done.exit_code == 0, done.stderr
    assert f"for          2 hours longer than {ID} gives" in done.stdout.splitlines()


def test_more_time_needs_a_time(logged_in):
    assert "missing option '--for'" in logged_in("extend", "4f0c").stderr
