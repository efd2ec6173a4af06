from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.ca.keys.sealing import Sealer
from pgward.ca.notices.links import MAX_LENGTH, Link, Linker, digest, seal, unseal
from pgward.core.errors import DeniedError
from tests.fixtures.notices import ID, NOW, facts

SEALER = Sealer(b"s" * 32)
LINK = Link(ID, "r7k2", "bob", digest("r7k2", facts()), NOW + timedelta(hours=1))


def linker(**changes):
    given = {"personal_only": False, "lifetime": timedelta(hours=48), **changes}
    return Linker(SEALER, "https://ca.example.com", **given)


def sealed_in(address):
    parts = urlsplit(address)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "ca.example.com", "/decide")
    (sealed,) = parse_qs(parts.query)["link"]
    return sealed


def test_a_link_is_read_back_until_it_expires():
    sealed = seal(SEALER, LINK)
    assert unseal(SEALER, sealed, now=NOW) == LINK
    with pytest.raises(DeniedError, match="this link has expired"):
        unseal(SEALER, sealed, now=LINK.expires_at)


def test_nobody_else_makes_one():
    for sealed in (
        seal(Sealer(b"t" * 32), LINK),
        seal(SEALER, LINK)[:-3],
        SEALER.seal("passkey visit", b"[]").hex(),
    ):
        with pytest.raises(DeniedError, match="not one of this authority's"):
            unseal(SEALER, sealed, now=NOW)


@settings(max_examples=50)
@given(st.text(max_size=200))
def test_garbage_is_no_link(text):
    with pytest.raises(DeniedError):
        unseal(SEALER, text, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"person": "eve"},
        {"service": "bank"},
        {"asked_for": ("bundle shop-writing",)},
        {"seconds": 7201},
        {"reason": "TICKET-2"},
        {"integration": "bank-db"},
        {"break_glass": True},
        {"extends": True},
    ],
)
def test_another_request_has_another_digest(change):
    assert digest("r7k2", facts(**change)) != digest("r7k2", facts())
    assert digest("r7k3", facts()) != digest("r7k2", facts())


def test_a_message_has_a_link_that_ends_with_the_request():
    asked = facts(lapses_at=NOW + timedelta(hours=24))
    address = linker().link(ID, "r7k2", "bob", asked, NOW)
    end = NOW + timedelta(hours=24)
    assert unseal(SEALER, sealed_in(address), now=NOW) == replace(LINK, expires_at=end)
    assert len(sealed_in(address)) < MAX_LENGTH
    address = linker().link(ID, "r7k2", "", replace(asked, lapses_at=None), NOW)
    link = unseal(SEALER, sealed_in(address), now=NOW)
    assert (link.approver, link.expires_at) == (None, NOW + timedelta(hours=48))


def test_a_link_that_is_enough_by_itself_goes_to_no_channel():
    mails = linker(personal_only=True)
    assert mails.link(ID, "r7k2", "", facts(), NOW) is None
    assert mails.link(ID, "r7k2", "bob", facts(), NOW) is not None


def test_a_review_has_a_page():
    assert linker().review("q4").endswith("/reviews/q4")
    assert linker().review("a/b").endswith("/reviews/a%2Fb")
