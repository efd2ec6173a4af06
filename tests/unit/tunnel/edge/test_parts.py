"""Reading a snapshot in parts; tests/unit/ca/test_snapshot_views.py holds it against the whole."""

from base64 import b64encode
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.pki.snapshot_parts import digest, pack
from pgward.tunnel.edge import parts as module
from pgward.tunnel.edge.parts import LackingError, PartBook
from pgward.tunnel.edge.state import SnapshotError
from tests.fixtures.granting import packed, person
from tests.fixtures.pki import NOW

SHOP = {
    "name": "shop",
    "mode": "tcp",
    "upstream": {"host": "db", "port": 5432},
    "allow": {"users": ["ann"], "groups": ["dba"]},
}
HOUR = NOW + timedelta(hours=1)


@pytest.fixture
def made(hierarchy):
    """Return a function that makes a list of parts, and the parts; sections as they are given."""
    cas = (hierarchy.root, hierarchy.issuing)
    crls = [b64encode(each.crl()).decode() for each in cas]

    def make(version=1, *, lists=None, **sections):
        given = {
            "lists": lists or {"crls": crls, "retired": []},
            "services": {"shop": SHOP},
            "groups": {"dba": ["bob"]},
            "people": {"bob": {"groups": ["dba"]}},
        } | sections
        texts = {section: pack(content) for section, content in given.items()}
        payload = {
            "version": version,
            "user_roots": [pem(hierarchy.root)],
            "user_issuing": [pem(hierarchy.issuing)],
            "blocked": [],
            "parts": {section: {"00": digest(text)} for section, text in texts.items()},
        }
        return payload, {digest(text): text for text in texts.values()}

    return make


def pem(ca) -> str:
    return ca.certificate.public_bytes(Encoding.PEM).decode()


def grants(name="ann"):
    return {"shop": packed({name: person((HOUR, ["reading"]))})}


@pytest.fixture
def book():
    return PartBook()


def test_what_is_as_it_was_is_not_read_again(book, made, monkeypatch):
    before = book.load(*made())
    monkeypatch.setattr(module, "read_service", None)
    monkeypatch.setattr(module, "read_lists", None)
    payload, _ = made(2)
    after = book.load(payload, {})
    assert after.version == 2
    assert after.services["shop"] is before.services["shop"]
    assert after.revocations is before.revocations
    assert after.groups == {"dba": {"bob"}}


def test_grants_come_and_go_beside_their_service(book, made):
    before = book.load(*made(1, grants=grants()))
    service = before.services["shop"]
    assert service.granted("ann", NOW).until == HOUR
    after = book.load(*made(2, grants=grants("bob")))
    assert after.services["shop"].granted("ann", NOW).until is None
    assert after.services["shop"].granted("bob", NOW).until == HOUR
    assert book.load(*made(3)).services["shop"].granted("bob", NOW).until is None


def test_other_cas_read_the_lists_again(book, made):
    payload, texts = made()
    book.load(payload, texts)
    payload["user_issuing"] = []
    with pytest.raises(SnapshotError, match="of no CA known here"):
        book.load(payload, {})


def test_a_part_that_lacks_is_asked_for_and_nothing_has_changed(book, made):
    before = book.load(*made())
    payload, texts = made(2, groups={"dba": ["carol"]}, grants=grants())
    new = set(texts) - set(book.texts)
    for each in new:
        with pytest.raises(LackingError):
            book.load(payload, {name: texts[name] for name in new - {each}})
    assert book.load(made(1)[0], {}).services["shop"] is before.services["shop"]


def test_a_part_that_is_another_is_refused(book, made):
    payload, texts = made()
    shop = payload["parts"]["services"]["00"]
    other = pack({"shop": SHOP | {"allow": {"users": ["mallory"], "groups": []}}})
    with pytest.raises(SnapshotError, match="not what the CA has signed"):
        book.load(payload, texts | {shop: other})


def test_parts_that_nobody_named_are_not_kept(book, made):
    payload, texts = made()
    book.load(payload, texts | {"x": "y"})
    assert book.texts == texts


@pytest.mark.parametrize(
    "wrong",
    [
        {"services": {"shop": {"name": "shop"}}},
        {"services": {"shop": 1}},
        {"grants": {"shop": 1}},
        {"groups": {"dba": "bob"}},
        {"people": {"bob": {}}},
        {"lists": {"crls": []}},
        {"lists": {"crls": [], "retired": []}},
        {"lists": {"crls": ["!"], "retired": []}},
    ],
)
def test_content_that_cannot_be_used_leaves_the_old_one(book, made, wrong):
    before = book.load(*made())
    with pytest.raises(SnapshotError, match="cannot be used"):
        book.load(*made(2, **wrong))
    assert book.load(made(3)[0], {}).services["shop"] is before.services["shop"]


@pytest.mark.parametrize("parts", [None, [], {"services": []}, {}, {"lists": {"": 5}}])
def test_a_list_of_parts_that_is_none(book, made, parts):
    payload, texts = made()
    with pytest.raises(SnapshotError):
        book.load(payload | {"parts": parts}, texts)


def test_a_section_of_a_newer_ca_is_left_out(book, made):
    payload, texts = made()
    payload["parts"]["weather"] = {"00": "x"}
    assert book.load(payload, texts).version == 1


def test_a_mode_of_a_newer_ca_is_left_out(book, made):
    services = {"shop": SHOP, "new": {"name": "new", "mode": "telepathy"}}
    assert set(book.load(*made(services=services)).services) == {"shop"}


def test_grants_that_cannot_be_read_let_nobody_in(book, made, caplog):
    found = book.load(*made(grants={"shop": "!"}))
    assert found.services["shop"].granted("ann", NOW).until is None
    assert "left out" in caplog.text
