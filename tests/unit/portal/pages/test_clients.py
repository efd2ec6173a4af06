"""How each program is set up for a database."""

import html
import json
import re

import pytest

from pgward.client.config.catalogue import FORMATS
from pgward.portal.pages import clients
from tests.fixtures.ca_service import service
from tests.fixtures.edge_services import aware, declare

EVIL = "<script>alert(1)</script>"
PAGE = "/databases/orders/clients"


@pytest.fixture
def alice(web, api, admin):
    """Alice, and the service orders by an edge that has a name for it."""
    api.add("alice", "dba")
    api.machine(admin, "edge", "e1", dns=["e1.test", "*.db.test"])
    declare(admin, aware(database={"force": "shop"}))
    return web.sign_in("alice")


def test_every_format_has_a_title():
    assert {name for group in clients.GROUPS.values() for name in group} == FORMATS.keys()


@pytest.mark.parametrize("way", clients.Way)
def test_every_client_has_its_settings_by_every_way(alice, way):
    for client in FORMATS:
        page = alice.open(f"{PAGE}/{client}?way={way}")
        assert page.status == 200
        answer = alice.open(f"{PAGE}/{client}/file?way={way}").answer
        assert (answer.status_code, answer.text.strip() != "") == (200, True)


def test_through_the_tunnel_no_file_is_needed_where_the_edge_speaks_postgresql(alice):
    page = alice.open(f"{PAGE}/libpq")
    assert "host=orders hostaddr=127.0.0.1 port=15432 user=alice dbname=shop" in page.text
    assert "pgward connect orders --port 15432" in page.text
    assert "directory" not in page.forms[-1].fields
    page = alice.open(f"{PAGE}/libpq?way=tunnel&port=6000")
    assert "pgward connect orders --port 6000" in page.text


def test_straight_it_is_the_edges_name_and_the_files_that_one_says(alice):
    page = alice.open(f"{PAGE}/dbeaver?way=files&directory=C:\\keys")
    wanted = f"{PAGE}/dbeaver/file?way=files&directory=C%3A%5Ckeys"
    assert page.links["Download as a file"] == wanted
    answer = alice.open(page.links["Download as a file"]).answer
    disposition = answer.headers["content-disposition"]
    assert disposition == 'attachment; filename="data-sources-pgward-orders.json"'
    assert answer.headers["cache-control"] == "no-store"
    (found,) = json.loads(answer.text)["connections"].values()
    properties = found["configuration"]["properties"]
    assert found["configuration"]["host"] == "orders.db.test"
    assert properties["sslmode"] == "verify-full"
    assert properties["sslkey"] == "C:\\keys/pgward.pk8"
    assert properties["sslrootcert"] == "C:\\keys/pgward-ca.crt"
    assert "login.pk8" in alice.open(f"{PAGE}/jdbc?way=login").text


def test_a_service_of_postgresqls_own_tls_is_reached_at_its_own_name(alice, admin):
    declare(admin, service("plain", serverName="db1.example.com"))
    page = alice.open("/databases/plain/clients/uri?way=login&port=5433")
    assert "postgresql://alice@db1.example.com:5433/" in page.text
    assert "verify-full" in page.text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("way=none", "way"),
        ("port=0", "port"),
        ("port=x", "port"),
        (f"way=login&directory={'x' * 201}", "directory"),
        (f"way=login&directory={EVIL}%0a", "no client takes the path"),
        ("else=1", "else"),
        ("port=1&port=2", "port"),
    ],
)
def test_what_makes_no_sense_is_told(alice, query, told):
    page = alice.open(f"{PAGE}/psql?{query}")
    assert page.status == 422
    assert told in page.text.lower()
    assert EVIL not in page.answer.text
    assert alice.open(f"{PAGE}/psql/file?{query}").status == 422


def test_a_directory_is_text(alice):
    page = alice.open(f"{PAGE}/psql?way=login&directory={EVIL}")
    assert page.status == 200
    assert EVIL in page.text
    assert EVIL not in page.answer.text


def test_without_a_name_of_an_edge_there_is_the_tunnel_only(web, api, admin):
    api.add("alice", "dba")
    api.machine(admin, "edge", "e1")
    declare(admin, aware())
    page = web.sign_in("alice").open(f"{PAGE}/psql")
    assert "Straight" not in page.text
    assert "With a token" in page.text
    assert web.open(f"{PAGE}/psql?way=files").status == 422


def test_without_any_way_it_says_so(web, api, admin):
    api.add("alice", "dba")
    declare(admin, aware())
    web.sign_in("alice")
    for path in (f"{PAGE}/psql", f"{PAGE}/psql/file"):
        page = web.open(path)
        assert (page.status, "No edge serves orders now." in page.text) == (503, True)


@pytest.mark.parametrize("path", [f"{PAGE}/none", f"{PAGE}/none/file", f"{PAGE}/%3Cb%3E"])
def test_an_unknown_client_is_not_there(alice, path):
    page = alice.open(path)
    assert page.status == 404
    assert "<b>" not in page.answer.text


def test_a_database_of_others_is_not_there(alice, admin):
    declare(admin, aware("hidden"), allow={"users": ["bob"]})
    for path in ("psql", "psql/file"):
        assert alice.open(f"/databases/hidden/clients/{path}").status == 404


def test_with_a_token_it_is_the_edge_and_no_certificate(alice):
    page = alice.open(f"{PAGE}/libpq?way=token")
    assert "You have no token for orders now" in page.text
    assert "user=tk-NAME-OF-A-TOKEN" in page.text
    alice.open("/databases/orders")
    page = alice.press("Make a token", role="app")
    made = re.search(r"app~tk-[a-z0-9]+", page.text)
    assert made is not None
    page = alice.open(page.links["How a program is set up with it"])
    (found,) = json.loads(settings(page))["connections"].values()
    assert found["configuration"]["user"] == made[0]
    assert found["configuration"]["properties"] == {
        "sslmode": "verify-full",
        "sslrootcert": "/home/alice/pgward-ca.crt",
    }
    token = made[0].removeprefix("app~")
    page = alice.open(f"{PAGE}/libpq?way=token")
    assert f"host=e1.test port=7432 user={token} dbname=shop sslmode=verify-full" in page.text
    answer = alice.open(page.links["Download as a file"]).answer
    assert f"user={token}" in answer.text
    for wrong in ("%0a", "x" * 201):
        assert alice.open(f"{PAGE}/libpq?way=token&user={wrong}").status == 422


def test_a_service_without_tokens_offers_none(alice, admin):
    declare(admin, aware(login={"token": False}))
    assert "With a token" not in alice.open(f"{PAGE}/psql").text


def settings(page):
    """Return the text to copy."""
    found = re.search(r"<pre tabindex=.0.>(.*?)</pre>", page.answer.text, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])
