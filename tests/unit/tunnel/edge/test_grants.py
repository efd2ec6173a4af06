import zlib
from base64 import b64encode
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.tunnel.edge import grants as module
from pgward.tunnel.edge.grants import NO_GRANTS, NOTHING, Granted, Grants
from tests.fixtures.granting import grants, packed, person
from tests.fixtures.session_bench import NOW

MINUTE = timedelta(minutes=1)


def test_what_somebody_has_is_what_has_not_ended():
    found = grants(
        alice=person((NOW + MINUTE, ["b", "a"]), (NOW + 2 * MINUTE, ["a"]), (NOW, ["c"]))
    )
    expected = Granted("alice", ("a", "b"), NOW + 2 * MINUTE, NOW + MINUTE)
    assert found.of("alice", NOW) == expected
    assert found.of("alice", NOW + MINUTE) == Granted(
        "alice", ("a",), NOW + 2 * MINUTE, NOW + 2 * MINUTE
    )
    assert found.of("alice", NOW + 2 * MINUTE) == NOTHING
    assert found.of("Alice", NOW) == NOTHING
    assert (len(found), expected.is_live, NOTHING.is_live) == (1, True, False)


def test_a_grant_to_enter_gives_no_name_and_no_role():
    found = grants(alice=person((NOW + MINUTE, []), role=None)).of("alice", NOW)
    assert found == Granted(None, (), NOW + MINUTE, NOW + MINUTE)
    assert found.is_live


def test_one_that_is_extended_gives_the_same():
    before, after = (
        grants(alice=person((NOW + each * MINUTE, ["a"]))).of("alice", NOW) for each in (1, 2)
    )
    assert before != after
    assert before.gives_as(after)
    assert not before.gives_as(NOTHING)


def test_those_packed_alike_are_the_same():
    text = packed({"alice": person((NOW, []))})
    assert Grants.read(text) == Grants.read(text) != NO_GRANTS
    assert hash(Grants.read(text)) == hash(Grants.read(text))
    assert Grants.read(text).is_packed_as(text)
    assert NO_GRANTS.of("alice", NOW) == NOTHING


@pytest.mark.parametrize(
    "broken",
    [
        None,
        7,
        "",
        "é",
        b64encode(b"no zlib").decode(),
        b64encode(zlib.compress(b"{")).decode(),
        b64encode(zlib.compress(b"{}" + b" " * 100)[:-5]).decode(),
        packed([]),
        packed({"alice": 1}),
        packed({"alice": {"role": None}}),
        packed({"alice": {"role": 1, "live": []}}),
        packed({"alice": {"role": None, "live": [1]}}),
        packed({"alice": {"role": None, "live": [["now", []]]}}),
        packed({"alice": {"role": None, "live": [[1, [2]]]}}),
    ],
)
def test_what_cannot_be_read_is_said(broken):
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        Grants.read(broken)


def test_what_is_packed_too_well_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match="cut off, or too many"):
        Grants.read(b64encode(zlib.compress(b" " * 1001)).decode())


@given(st.text())
def test_any_text_is_read_or_refused(text):
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        Grants.read(text)
