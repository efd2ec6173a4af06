import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.client.config import service_file
from pgward.client.config.service_file import Section, edit, longest, ours, own_line, section
from pgward.core.errors import ConflictError, InvalidInputError
from pgward.system.postgres import find_client
from tests.fixtures.golden_configs import FACTS, TUNNEL

HOME = "/home/alice/.config/pgward"
OURS = section(TUNNEL, HOME)
OTHER = section(replace(TUNNEL, service="stage"), HOME)
THEIRS = b"""\
# mine \xff, not UTF-8
[legacy]
host=old.example.com\r
password=it's mine
\t
[prod-db-2]
host=x"""


def test_a_section():
    assert OURS.decode() == (
        "# pgward begin prod-db\n"
        "# home /home/alice/.config/pgward\n"
        "[prod-db]\n"
        "host=db1.example.internal\n"
        "hostaddr=127.0.0.1\n"
        "port=15432\n"
        "user=alice\n"
        "dbname=shop\n"
        "sslmode=verify-full\n"
        "sslcert=/home/alice/.config/pgward/identity/current/login.crt\n"
        "sslkey=/home/alice/.config/pgward/identity/current/login.key\n"
        "sslrootcert=/home/alice/.config/pgward/identity/current/ca.crt\n"
        "# pgward end prod-db\n"
    )


def test_what_is_not_ours_stays_byte_for_byte():
    added = edit(THEIRS, {"prod-db": OURS})
    assert added == THEIRS + b"\n" + OURS
    both = edit(added, {"stage": OTHER})
    assert both == added + OTHER
    assert edit(both, {"prod-db": None}) == THEIRS + b"\n" + OTHER
    assert edit(both, {"prod-db": None, "stage": None}) == THEIRS + b"\n"


def test_a_section_is_replaced_where_it_stands():
    changed = section(replace(TUNNEL, port=15999), HOME)
    before = OURS + THEIRS + b"\n" + OTHER
    assert edit(before, {"prod-db": changed}) == changed + THEIRS + b"\n" + OTHER
    assert edit(before, {"prod-db": OURS, "stage": OTHER}) == before


def test_a_file_of_nothing():
    assert edit(b"", {"prod-db": OURS}) == OURS
    assert edit(OURS, {"prod-db": None}) == b""
    assert edit(b"", {"prod-db": None}) == b""


@given(st.binary(max_size=300).filter(lambda data: b"pgward" not in data and b"[" not in data))
def test_any_file_survives_being_added_to_and_taken_from(data):
    there = edit(data, {"prod-db": OURS})
    assert there.startswith(data)
    assert edit(there, {"prod-db": OURS}) == there
    newline = b"" if not data or data.endswith(b"\n") else b"\n"
    assert edit(there, {"prod-db": None}) == data + newline


def test_our_sections_are_known_again():
    native = section(FACTS["native"], HOME, native="db2.example.com")
    found = ours(THEIRS + b"\n" + native + section(replace(TUNNEL, service="s2"), "/else"))
    assert {name: (each.home, each.native) for name, each in found.items()} == {
        "prod-db": (HOME, "db2.example.com"),
        "s2": ("/else", None),
    }
    assert found["prod-db"].settings["port"] == "5432"
    assert ours(section(FACTS["native"], HOME, native=""))["prod-db"].native == ""


def test_a_section_of_which_the_head_was_lost():
    assert ours(b"# pgward begin a\n# pgward end a\n") == {"a": Section("", {}, None)}


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"# pgward begin a\n[a]\n", 1),
        (b"\n# pgward end a\n", 2),
        (b"# pgward begin a\n# pgward begin b\n# pgward end b\n", 2),
        (b"# pgward begin a\n[a]\n# pgward end b\n", 3),
    ],
)
def test_marks_that_do_not_match_are_not_guessed_at(data, line):
    with pytest.raises(InvalidInputError, match=f"^line {line} marks a section of pgward"):
        edit(data, {"prod-db": OURS})


@pytest.mark.parametrize("head", [b"[prod-db]", b"  [prod-db]", b"[prod-db] # old"])
def test_a_section_of_the_persons_own_is_a_conflict(head):
    data = b"# first\n" + head + b"\nhost=x\n"
    assert own_line(OTHER + data, "prod-db") == OTHER.count(b"\n") + 2
    with pytest.raises(ConflictError, match=r"^line 2 has a section \[prod-db\] of your own$"):
        edit(data, {"prod-db": OURS})
    assert edit(data, {"prod-db": None}) == data


def test_what_libpq_would_cut_is_refused():
    with pytest.raises(InvalidInputError, match="ends in a space") as error:
        section(replace(TUNNEL, database="shop "), HOME)
    assert error.value.hint == "pgward config show prod-db --for libpq"


def test_what_libpq_cannot_read_is_refused():
    with pytest.raises(InvalidInputError, match="such long paths"):
        section(replace(TUNNEL, cert="/x" * 600), HOME)


def test_the_longest_line():
    assert longest(b"ab\nabc\r\na") == 3
    assert longest(b"") == 0


@pytest.mark.parametrize("title", ["tunnel", "native", "disable", "odd"])
def test_libpq_finds_every_setting(tmp_path, title):
    """psql says where it goes when nothing is there."""
    facts = replace(FACTS[title], address="127.0.0.1", port=1)
    path = tmp_path / "services"
    path.write_bytes(edit(THEIRS, {"prod-db": section(facts, HOME)}))
    done = subprocess.run(
        [find_client("psql"), "service=prod-db"],
        env={"PGSERVICEFILE": str(path), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'connection to server at "127.0.0.1", port 1 failed' in done.stderr


def test_where_libpq_looks_for_it(tmp_path):
    assert service_file.place({}, tmp_path) == tmp_path / ".pg_service.conf"
    assert service_file.place({"PGSERVICEFILE": "/etc/x"}, tmp_path) == Path("/etc/x")


def test_in_which_lines_sections_begin():
    data = b"[a]\nhost=x\n [b]\n# [c]\n[a]\n"
    assert service_file.header_lines(data) == {"a": [1, 5], "b": [3]}
