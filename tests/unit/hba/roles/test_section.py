import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.core.errors import InvalidInputError
from pgward.hba.roles import section
from pgward.hba.roles.section import Other, Section
from pgward.hba.syntax.versions import NEWEST, OLDEST, Abilities

ABLE = Abilities.of(16)
PAIRS = {("ann", "app"), ("ben@example.com", 'a "b", #all')}
OLD = b"# mine\nother  x  y\n"
WHERE = "pg_ident.conf"


def put(data, pairs=PAIRS):
    return section.put(data, pairs, "pgward", WHERE)


def read(data, able=ABLE):
    return section.read(data, "pgward", able, WHERE)


def test_what_is_written():
    lines = put(OLD).decode().splitlines()
    assert lines[0].startswith("# BEGIN pgward-roles sha256:")
    assert lines[2:] == [
        'pgward  ann  "app"',
        'pgward  ben@example.com  "a ""b"", #all"',
        "# END pgward-roles",
        "# mine",
        "other  x  y",
    ]


def test_it_is_read_again_and_replaced_where_it_is():
    once = put(OLD)
    assert read(once) == Section(frozenset(PAIRS))
    assert put(once) == once
    moved = b"# first\n" + once
    assert put(moved, set()).startswith(b"# first\n# BEGIN pgward-roles")
    assert put(moved, set()).endswith(OLD)


def test_without_marks_there_is_none():
    assert read(OLD) is None
    assert read(b"# BEGIN pgward (x)\npgward a b\n# END pgward\n") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"ann", b"eve"),
        lambda data: data.replace(b"# END", b"pgward eve postgres\n# END"),
        lambda data: data.replace(b" sha256:", b" sha:"),
    ],
)
def test_a_change_by_hand_is_seen(change):
    assert read(change(put(OLD))).edited


def test_line_ends_of_the_file_are_kept():
    data = put(b"# mine\r\nother x y\r\n")
    assert data.count(b"\r\n") == data.count(b"\n")
    assert read(data) == Section(frozenset(PAIRS))


@pytest.mark.parametrize(
    "data",
    [
        b"# BEGIN pgward-roles\n",
        b"# END pgward-roles\n",
        b"# END pgward-roles\n# BEGIN pgward-roles\n",
        b"# BEGIN pgward-roles\n# BEGIN pgward-roles\n# END pgward-roles\n",
    ],
)
def test_marks_that_do_not_pair(data):
    with pytest.raises(InvalidInputError, match="do not stand there once each"):
        read(data)


def test_other_lines_of_the_map_are_told():
    data = b"pgward /^(.*)$ \\1\n" + put(OLD) + b"pgward eve app\nelse eve app\n"
    assert section.others(data, "pgward", ABLE, WHERE) == [
        Other(1, "/^(.*)$", "\\1", pattern=True),
        Other(9, "eve", "app", pattern=False),
    ]


def test_a_broken_file_is_told_with_its_place():
    section.check(put(OLD) + b"include x\n", ABLE, WHERE)
    with pytest.raises(InvalidInputError, match=r"pg_ident\.conf:8:"):
        section.check(put(OLD) + b"pgward onlyname\n", ABLE, WHERE)


names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,20}", fullmatch=True)
roles = st.text(
    st.characters(exclude_categories=("C", "Z"), include_characters=' "#,+@\\'), min_size=1
).filter(lambda role: not role.startswith("/"))


@given(st.sets(st.tuples(names, roles), max_size=5), st.integers(OLDEST, NEWEST))
def test_every_version_reads_back_what_was_written(pairs, version):
    able = Abilities.of(version)
    data = put(OLD, pairs)
    section.check(data, able, WHERE)
    assert read(data, able) == Section(frozenset(pairs))


def test_an_expression_that_the_server_reads_and_we_do_not():
    data = b"pgward /(?x)abc alice\n"
    section.check(data, Abilities.of(16), "f")
    assert section.others(data, "pgward", Abilities.of(16), "f") == []
