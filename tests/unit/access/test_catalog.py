import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.access.catalog import (
    MOST_PIECE,
    Given,
    Membership,
    Piece,
    Thing,
    pieces,
    rough,
)
from pgward.core.errors import InvalidInputError

CARDS = Thing(
    "table",
    "billing",
    "cards",
    owner="app",
    comment="credit cards",
    rows=1200,
    size=81000,
    grants=(Given("", ("SELECT",)), Given("alice", ("SELECT", "UPDATE"), (), "owner")),
)
ALICE = Thing(
    "role",
    "",
    "alice",
    attributes={"login": True, "limit": 3},
    member_of=(Membership("reader", admin=True), Membership("writer", set=False)),
)
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=63)
THINGS = st.builds(
    Thing,
    kind=st.sampled_from(["schema", "table", "function"]),
    schema=NAMES,
    name=NAMES.filter(bool),
    signature=NAMES,
    comment=NAMES,
    rows=st.none() | st.integers(0, 2**62),
    grants=st.lists(
        st.builds(Given, NAMES, st.just(("SELECT",)), st.just(()), NAMES), max_size=3
    ).map(lambda each: tuple(sorted(each))),
)


def many(count: int) -> list[bytes]:
    return [
        Thing("table", "public", f"t{number}", comment="x" * 100).line() for number in range(count)
    ]


@pytest.mark.parametrize("thing", [CARDS, ALICE])
def test_a_thing_is_read_as_it_was_written(thing: Thing) -> None:
    assert Thing.read(thing.line()) == thing


@given(THINGS)
def test_any_name_travels_on_one_line_of_ascii(thing: Thing) -> None:
    line = thing.line()

    assert b"\n" not in line
    assert line.isascii()
    assert Thing.read(line) == thing


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b'{"kind":"table"}',
        b'{"kind":"planet","name":"x"}',
        b'{"kind":"table","name":"\\u0000"}',
        b'{"kind":"table","name":"\\ud800"}',
        b'{"kind":"table","name":"' + b"x" * 300 + b'"}',
        b'{"kind":"table","name":"x","rows":-1}',
        b'{"kind":"table","name":"x","rows":true}',
        b'{"kind":"table","name":"x","rows":1e400}',
        b'{"kind":"table","name":"x","grants":[["a"]]}',
        b'{"kind":"table","name":"x","grants":{}}',
        b'{"kind":"role","name":"x","member_of":[["a",1,2,3]]}',
        b'{"kind":"role","name":"x","attributes":{"login":[]}}',
        b'{"kind":"role","name":"x","attributes":[]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_thing_is_refused(line: bytes) -> None:
    with pytest.raises(InvalidInputError):
        Thing.read(line)


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (Thing.read, Piece.read, lambda each: Piece.read(zlib.compress(each)).things()):
        try:
            read(data)
        except InvalidInputError:
            continue


def test_a_piece_travels_compressed_under_its_digest() -> None:
    piece = Piece("shop", (ALICE.line(), CARDS.line()))

    read = Piece.read(piece.packed())

    assert (read, read.digest, read.things()) == (piece, piece.digest, [ALICE, CARDS])


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"junk",
        zlib.compress(b"x" * (MOST_PIECE + 1)),
        zlib.compress(b'"shop"')[:-1],
        zlib.compress(b'"shop"') + b"more",
        zlib.compress(b"[]"),
    ],
)
def test_a_piece_that_is_cut_or_too_long_is_refused(packed: bytes) -> None:
    with pytest.raises(InvalidInputError):
        Piece.read(packed)


def test_things_are_cut_into_pieces_whatever_their_order() -> None:
    lines = many(10_000)

    made = pieces("shop", lines)

    assert pieces("shop", reversed(lines)) == made
    assert sorted(line for each in made for line in each.lines) == sorted(lines)
    assert 5 < len(made) < 20
    assert all(len(each.plain) < MOST_PIECE for each in made)


def test_a_new_thing_changes_one_piece() -> None:
    lines = many(10_000)
    before = {each.digest for each in pieces("shop", lines)}

    after = {each.digest for each in pieces("shop", [*lines, CARDS.line()])}

    assert len(after - before) == 1


def test_things_with_many_grants_are_cut_finer() -> None:
    grants = tuple(Given(f"{number:063}", ("SELECT",)) for number in range(1000))
    lines = [Thing("table", "s", f"t{number}", grants=grants).line() for number in range(40)]

    assert all(len(each.plain) <= MOST_PIECE for each in pieces("shop", lines))


@pytest.mark.parametrize(
    ("number", "shown"),
    [(None, None), (-1, None), (0, 0), (7, 7), (99, 99), (1234, 1200), (8192.0, 8200)],
)
def test_an_estimate_has_two_digits(number: Any, shown: int | None) -> None:
    assert rough(number) == shown
