import pytest

from pgward.client.api import ApiClient
from pgward.client.login import offers
from pgward.client.login.offers import Offer, Wish
from pgward.core.errors import InvalidInputError, NotFoundError
from tests.fixtures.fake_ca import error

PASSWORD = Offer("password", None, "Password", ("user", "password"))
CORP = Offer("oidc", "corp", "Corp", ("redirect_uri",))
CODE = Offer("oidc-device", "corp", "Corp, by a code", ())
ALL = [CORP, CODE, PASSWORD]
NOTHING = (None, None)


def choose(wish=None, last=NOTHING, found=ALL, *, browser=True):
    return offers.choose(found, wish or Wish(), last, can_browse=lambda: browser)


def test_the_first_is_taken_unless_another_was_last():
    assert choose() == CORP
    assert choose(last=("password", None)) == PASSWORD
    assert choose(last=("gone", None)) == CORP


def test_a_wish_counts_more_than_the_last_time():
    assert choose(Wish(method="oidc"), ("password", None)) == CORP
    assert choose(Wish(provider="corp"), ("password", None)) == CORP
    assert choose(Wish(password=True), ("oidc", "corp")) == PASSWORD
    assert choose(Wish(user=True), ("oidc", "corp")) == PASSWORD
    assert choose(Wish(user=True), found=[CORP]) == CORP
    assert choose(Wish(user=True, method="oidc")) == CORP


def test_without_a_browser_a_code_takes_its_place_unless_it_was_wished():
    assert choose(browser=False) == CODE
    assert choose(Wish(browser=False)) == CODE
    assert choose(Wish(method="oidc", browser=False)) == CORP
    assert choose(found=[CORP], browser=False) == CORP


def test_what_is_not_offered_is_told_with_what_is():
    with pytest.raises(NotFoundError) as caught:
        choose(Wish(method="ldap"))
    assert "--method oidc --provider corp; --method oidc-device" in caught.value.hint


def test_an_older_ca_knows_passwords(fake_ca):
    with ApiClient.of(fake_ca.trust, clock=fake_ca.clock) as client:
        assert offers.fetch(client) == [PASSWORD]
        fake_ca.routes["GET /v1/login"] = error("not_found")
        assert offers.fetch(client) == [PASSWORD]


@pytest.mark.parametrize(
    ("platform", "variables", "seen"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"DISPLAY": ":0", "SSH_CONNECTION": "x"}, False),
        ("darwin", {}, True),
    ],
)
def test_where_a_browser_is_seen(monkeypatch, platform, variables, seen):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", platform)
    assert offers.browser_here() is seen


def test_only_the_fields_that_are_needed_are_asked_for():
    known = {"user": lambda: "alice", "password": lambda: pytest.fail("asked for")}
    assert offers.wanted_fields(Offer("x", None, "X", ("user",)), known) == {"user": "alice"}
    with pytest.raises(InvalidInputError, match="it needs iris"):
        offers.wanted_fields(Offer("x", None, "X", ("iris", "user")), known)
