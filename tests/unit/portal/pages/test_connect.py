"""The page of a database, and the secrets that are made there."""

import html
import re
import shlex

import pytest

from pgward.core import handles
from pgward.portal.web import assets
from pgward.tunnel.edge import landing
from tests.fixtures.ca_service import service
from tests.fixtures.edge_services import actions, aware, declare, redeem
from tests.fixtures.live_grants import give
from tests.fixtures.web_person import WebPerson

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def orders(web, api, admin, edge):
    """Alice at the page of the service orders, which an edge serves and which takes handles."""
    api.add("alice", "dba")
    declare(admin, aware())
    hear(edge)
    web.sign_in("alice").open("/databases/orders")
    return web


def hear(edge):
    """Have an edge ask for its configuration."""
    assert edge.call("GET", "/v1/edge/snapshot").status_code == 200


def code(page, label):
    """Return what stands to be copied under a heading."""
    found = re.search(
        rf'<h2 class="label">{label}</h2>\s*<div class="copy"><code[^>]*>(.*?)</code>',
        page.answer.text,
    )
    assert found is not None, page.answer.text
    return html.unescape(found[1])


def test_a_database_shows_every_way_to_connect(orders):
    page = orders.page
    assert page.status == 200
    for text in (
        "open to you",
        "pgward psql orders",
        "pgward connect orders",
        "pgward config install orders",
        "e1.test:7432",
    ):
        assert text in page.text
    assert re.search("SHA256:[0-9a-f]{64}", page.text)
    assert re.search("pgward login --ca https://.* --fingerprint SHA256:.* --user alice", page.text)
    assert "Make key and certificate" not in page.text  # there is nothing to use it at straight


def test_a_one_time_password_is_made_once_shown_and_works(orders, api, edge):
    page = orders.press("Make a one-time password")
    assert page.status == 200
    assert page.answer.headers["cache-control"] == "no-store"
    assert "2026-11-21 12:05 UTC" in page.text
    assert 'data-seconds="300"' in page.answer.text
    assert assets.path_of("countdown.js") in page.answer.text
    user = code(page, "User name")
    assert handles.read(user).text == user
    command = shlex.split(code(page, "Command"))
    assert command[0] == "psql"
    assert command[1].startswith(f"postgres://{user}:empty@")
    assert "sslrootcert=pgward-ca.crt" in command[1]
    answer = redeem(edge, user)
    assert (answer.status_code, answer.json()["user"]) == (200, "alice")
    assert redeem(edge, user).status_code == 403
    assert actions(api, "otp.create") == [("alice", "otp.create", "ok", "orders")]
    assert user not in str(api.events())
    assert user not in orders.open("/databases/orders").answer.text


def test_a_token_is_shown_with_all_that_a_client_must_know(orders, api):
    page = orders.press("Make a token", hours="2", role="app", database="other")
    assert page.status == 200
    assert code(page, "Password").startswith("pgt1.")
    assert code(page, "User name").startswith("app~tk-")
    assert (code(page, "Host"), code(page, "Port")) == ("e1.test", "7432")
    assert code(page, "Database") == "other"
    assert code(page, "Password") not in code(page, "Connection URI")
    assert "2026-11-21 14:00 UTC" in page.text
    assert code(page, "Password") not in str(api.events())


@pytest.mark.parametrize(
    ("button", "fields", "told"),
    [
        ("Make a one-time password", {"role": "owner"}, "and not as 'owner'"),
        ("Make a token", {"role": EVIL}, "and not as"),
        ("Make a token", {"hours": "0"}, "hours"),
        ("Make a token", {"hours": "x"}, "hours"),
        ("Make a token", {"role": "x" * 64}, "role"),
    ],
)
def test_what_the_service_does_not_grant_is_told(orders, button, fields, told):
    page = orders.press(button, **fields)
    assert page.status == 422
    assert told in page.text.lower()
    assert EVIL not in page.answer.text


def test_a_reason_goes_into_the_command(orders, admin):
    declare(admin, aware(reasonRequired=True))
    orders.open("/databases/orders")
    page = orders.press("Make a one-time password", reason='$(it\'s)\\ "ticket"  7')
    command = shlex.split(code(page, "Command"))
    assert (len(command), command[1]) == (3, "psql")
    options = command[0].removeprefix("PGOPTIONS=")
    # As the edge reads it.
    assert landing.reason_of({"options": options}) == '$(it\'s)\\ "ticket" 7'


def test_a_service_that_takes_no_handles_offers_none(orders, admin):
    declare(admin, service("plain"))
    declare(admin, aware("strict", login={"otp": False, "token": False}))
    for name in ("plain", "strict"):
        page = orders.open(f"/databases/{name}")
        assert (page.status, "Make a" in page.text) == (200, False)
        sent = {"csrf": page.forms[0].fields["csrf"]}
        page = orders.send(f"/databases/{name}/otp", sent)
        assert (page.status, "takes no one-time passwords" in page.text) == (422, True)


def test_without_an_edge_nobody_connects(web, api, admin):
    api.add("alice", "dba")
    declare(admin, aware())
    page = web.sign_in("alice").open("/databases/orders")
    assert "No edge leads to this database now" in page.text
    page = web.send("/databases/orders/otp", {"csrf": page.forms[0].fields["csrf"]})
    assert (page.status, "no edge serves orders now" in page.text.lower()) == (503, True)
    assert actions(api, "otp.") == []


@pytest.mark.parametrize("name", ["none", "hidden", "%3Cscript%3E", "x" * 64])
def test_what_is_not_for_one_and_what_is_not_there_are_the_same(web, api, admin, name):
    api.add("bob")
    declare(admin, aware("hidden"))
    page = web.sign_in("bob").open(f"/databases/{name}")
    assert page.status == 404
    assert "db1.internal" not in page.text
    assert "<script>" not in page.answer.text
    sent = {"csrf": web.open("/databases").forms[0].fields["csrf"]}
    for path in ("otp", "token"):
        assert web.send(f"/databases/{name}/{path}", sent).status == 404
    assert actions(api, "otp.") + actions(api, "access-token.") == []


def test_what_may_be_asked_for_says_so_and_then_what_is_there(who, access, app):
    who("ann")
    ann = WebPerson(app).sign_in("ann")
    page = ann.open("/databases/shop")
    assert page.status == 403
    assert page.links["Ask for access"] == "/requests/new/shop"
    request = access.ask()
    page = ann.open("/databases/shop")
    assert page.links["See your request"] == f"/requests/{request.id}"


def test_a_grant_is_shown_with_the_words_of_its_owner(web, api, admin, edge):
    hear(edge)
    api.add("alice")
    integration = {
        "connector": "c1",
        "host": "db1",
        "user": "pgward_connector",
        "auth": {"none": True},
        "details": f"Hello {{user}},\n{EVIL}",
    }
    body = {"kind": "Integration", "metadata": {"name": "shop-db"}, "spec": integration}
    answer = admin.call("PUT", "/v1/resources/Integration/shop-db", body)
    assert answer.status_code in {200, 201}
    declare(admin, aware(), allow={"users": ["bob"]}, integration="shop-db")
    give(api.store, api.clock.now(), user_name="alice", service="orders", role="a_1")
    page = web.sign_in("alice").open("/databases/orders")
    assert page.status == 200
    for text in ("on request", "Yours until 2026-11-21 13:00 UTC", "With reading", "role a_1"):
        assert text in page.text
    assert f"Hello alice, {EVIL}" in page.text
    assert EVIL not in page.answer.text
    api.clock.move(minutes=60)
    assert web.open("/databases/orders").status == 404


def test_a_fresh_factor_is_asked_for_where_it_is_needed(orders, admin):
    declare(admin, aware(), stepUp={"minutes": 15, "factors": ["totp"]})
    page = orders.open("/databases/orders")
    assert "at most 15 minutes old" in page.text
    assert any("Give it now" in each.buttons for each in page.forms)


def test_the_roots_are_a_file(orders, api):
    answer = orders.open("/pgward-ca.crt").answer
    assert "attachment" in answer.headers["content-disposition"]
    assert answer.text == "".join(api.call("GET", "/v1/trust").json()["server_roots"])


def test_every_name_is_text(orders, admin):
    body = aware() | {"metadata": {"name": "orders", "description": EVIL}}
    declare(admin, body)
    page = orders.open("/databases/orders")
    assert EVIL in page.text
    assert EVIL not in page.answer.text


def test_a_form_of_another_site_makes_nothing(orders, api):
    sent = {"csrf": orders.page.forms[0].fields["csrf"]}
    headers = {"Origin": "https://evil.example"}
    assert orders.send("/databases/orders/otp", sent, **headers).status == 403
    assert orders.send("/databases/orders/otp", {"role": ""}).status == 403
    assert actions(api, "otp.") == []


def test_each_mode_has_its_psql_command(web, api, admin):
    hear(api.machine(admin, "edge", "e1", dns=["e1.test", "*.db.test"]))
    api.add("alice", "dba")
    declare(admin, aware())
    elsewhere = {"host": "db1.internal", "port": 5433}
    declare(admin, service("plain", upstream=elsewhere))
    page = web.sign_in("alice").open("/databases/orders")
    assert "pgward psql orders" in page.text
    assert "psql 'host=orders.db.test port=7432 user=alice" in page.text
    assert "sslcert=/home/alice/.config/pgward/identity/current/login.crt" in page.text
    assert page.links["DBeaver"] == "/databases/orders/clients/dbeaver"
    assert "Make key and certificate" in page.text
    assert any("Make a one-time password" in each.buttons for each in page.forms)
    page = web.open("/databases/plain")
    assert "psql 'host=db1.internal port=5433 user=alice" in page.text
    declare(admin, aware(reasonRequired=True, login={"otp": False, "token": False}))
    page = web.open("/databases/orders")
    assert 'PGOPTIONS="-c pgward.reason=TICKET-7" pgward psql orders' in page.text
    assert not any("Make a one-time password" in each.buttons for each in page.forms)


def test_an_edge_that_was_not_heard_of_is_told(orders, api):
    assert "open to you" in orders.page.text
    api.clock.move(minutes=3)
    page = orders.open("/databases/orders")
    assert "The authority has not heard of the edge that leads there" in page.text


def test_who_is_kept_out_by_a_rule_is_told_which(orders, admin):
    rules = [
        {
            "name": "nights",
            "effect": "DENY",
            "condition": "ctx.user.name == 'alice'",
            "reason": f"not at night {EVIL}",
        },
        {"name": "rest", "effect": "ALLOW", "condition": "true"},
    ]
    declare(admin, aware(policy={"rules": rules}))
    page = orders.open("/databases/orders")
    assert page.status == 200
    assert f"A rule keeps you out now: not at night {EVIL}." in page.text
    assert "nights of the policy inline" in page.text
    assert EVIL not in page.answer.text
    rules[0]["condition"] = "ctx.session.method == 'tunnel'"
    declare(admin, aware(policy={"rules": rules}))
    assert "keeps you out" not in orders.open("/databases/orders").text


def test_a_database_that_does_not_answer_says_so(orders, edge):
    def tell(problem):
        answer = edge.call("POST", "/v1/edge/databases", {"services": {"orders": problem}})
        assert answer.status_code == 200, answer.text
        return orders.open("/databases/orders").text

    assert "Its server answers" in tell(None)
    page = tell("db1.internal:5432 does not answer")
    assert "The edges find that the database does not answer." in page
    assert "db1.internal" not in page
    assert "does not answer" in orders.open("/databases").text
