import json
from base64 import urlsafe_b64decode
from datetime import timedelta

import pytest

from pgward.ca.identity import tokens
from pgward.ca.identity.tokens import JoinToken
from pgward.ca.store.schema import join_tokens
from pgward.core.errors import DeniedError, InvalidInputError
from tests.fixtures.authority import START

HOUR = timedelta(hours=1)
TOKEN = JoinToken.checked("edge", "e1", [], [])


@pytest.fixture
def writing(store):
    with store.write() as transaction:
        yield transaction


def test_names_are_checked_and_made_regular():
    found = JoinToken.checked("host", "db1", ["DB1.x", "db1.x"], ["::0001", "10.0.0.1"])
    assert (found.dns, found.ips) == (("db1.x",), ("::1", "10.0.0.1"))
    assert TOKEN.dns == ("e1",)


@pytest.mark.parametrize(
    ("kind", "name", "dns", "ips"),
    [
        ("person", "e1", [], []),
        ("api", "e1", [], []),
        ("edge", "E 1", [], []),
        ("edge", "e1", ["a b"], []),
        ("edge", "e1", [], ["10.0.0"]),
        ("edge", "e1", ["x"] * 51, []),
    ],
)
def test_other_names_are_refused(kind, name, dns, ips):
    with pytest.raises(InvalidInputError):
        JoinToken.checked(kind, name, dns, ips)


def test_a_token_is_used_once(writing):
    secret, expires_at = tokens.create(writing, TOKEN, lifetime=HOUR, now=START, by="root")
    assert expires_at == START + HOUR
    assert tokens.use(writing, secret, START) == TOKEN
    with pytest.raises(DeniedError, match="used already"):
        tokens.use(writing, secret, START)


def test_a_token_expires(writing):
    secret, _ = tokens.create(writing, TOKEN, lifetime=HOUR, now=START, by="root")
    with pytest.raises(DeniedError):
        tokens.use(writing, secret, START + HOUR)


def test_only_a_hash_of_the_secret_is_stored(writing):
    secret, _ = tokens.create(writing, TOKEN, lifetime=HOUR, now=START, by="root")
    (row,) = writing.execute(join_tokens.select()).mappings()
    assert secret not in str(dict(row))


def test_the_text_holds_all_that_a_machine_needs():
    text = tokens.write("https://ca:8443", "SHA256:00", "s3cret")
    assert text.startswith("pgj1.")
    assert "=" not in text
    body = text.removeprefix("pgj1.")
    assert json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4))) == {
        "url": "https://ca:8443",
        "fingerprint": "SHA256:00",
        "secret": "s3cret",
    }
    assert tokens.secret_of(text) == "s3cret"
    assert tokens.secret_of("s3cret") == "s3cret"


@pytest.mark.parametrize("text", ["pgj1.", "pgj1.!!", "pgj1.W10", "pgj1.e30", "pgj1.é"])
def test_texts_that_are_cut_or_mangled_are_refused(text):
    with pytest.raises(DeniedError, match="cannot be read"):
        tokens.secret_of(text)
