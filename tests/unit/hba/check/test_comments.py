import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.check.comments import Ignore, of_access_file, of_settings_file
from pgward.hba.syntax.files import Place
from pgward.hba.syntax.versions import Abilities


def hba(text: str, version: int = 16) -> list[Ignore]:
    return of_access_file("f", text.encode(), Abilities.of(version))


def test_a_comment_behind_a_line() -> None:
    found = hba("local all all peer\nhost all all all md5 # pgward-ignore HBA013, HBA010: old  \n")
    assert found == [Ignore(Place("f", 2), ("HBA013", "HBA010"), "old", 2, 2)]


def test_comments_of_their_own_are_for_the_next_line() -> None:
    text = "# pgward-ignore HBA013: a\n#pgward-ignore HBA010: b\nhost all all all md5\n"
    assert [(each.reason, each.first, each.last) for each in hba(text)] == [
        ("a", 1, 3),
        ("b", 2, 3),
    ]


@pytest.mark.parametrize("between", ["\n", "# of old\n"])
def test_directly_above_means_that(between) -> None:
    (found,) = hba(f"# pgward-ignore HBA013: a\n{between}host all all all md5\n")
    assert (found.first, found.last) == (1, 1)
    (at_end,) = hba("# pgward-ignore HBA013: a")
    assert (at_end.first, at_end.last) == (1, 1)


def test_a_line_with_its_own_and_one_above() -> None:
    text = "# pgward-ignore HBA013: a\nhost all all all md5 # pgward-ignore HBA010: b\n"
    assert [(each.reason, each.first, each.last) for each in hba(text)] == [
        ("a", 1, 2),
        ("b", 2, 2),
    ]


def test_lines_that_go_on() -> None:
    text = "# pgward-ignore HBA013: a\nhost all \\\nall all md5\n"
    assert [each.last for each in hba(text, 14)] == [3]
    assert [each.last for each in hba(text, 13)] == [2]


@pytest.mark.parametrize(
    ("said", "rules", "reason"),
    [
        ("HBA013", ("HBA013",), ""),
        ("HBA013:", ("HBA013",), ""),
        ("HBA013 : why: so", ("HBA013",), "why: so"),
        ("HBA013,HBA013: x", ("HBA013",), "x"),
        ("", (), ""),
        ("all of it", (), ""),
    ],
)
def test_what_it_says(said, rules, reason) -> None:
    (found,) = hba(f"host all all all md5 # pgward-ignore {said}\n")
    assert (found.rules, found.reason) == (rules, reason)


@pytest.mark.parametrize(
    "line",
    [
        'host "# pgward-ignore HBA013: x" all all md5',
        "host all all all md5 # see pgward-ignore HBA013: x",
        "host all all all md5 # pgward-ignored HBA013: x",
    ],
)
def test_what_is_none(line) -> None:
    assert hba(line) == []


def test_settings() -> None:
    text = (
        "# pgward-ignore HBA012: a\nssl = 'off' # pgward-ignore HBA031: b\n"
        "x = '# pgward-ignore HBA012: no'\nport = = # pgward-ignore HBA003: c\nport = 1\n"
    )
    assert [(e.reason, e.first, e.last) for e in of_settings_file("f", text.encode())] == [
        ("a", 1, 2),
        ("b", 2, 2),
        ("c", 4, 4),
    ]
    assert of_settings_file("f", b"ssl = on # on\n") == []


@pytest.mark.parametrize("version", [13, 16])
def test_line_numbers_are_those_of_the_file(version) -> None:
    before = "host all all all md5\n\n" * 3 + "# with a \\ in it\n"
    text = before + "# pgward-ignore HBA013: a\nhost all all all md5\n"
    assert [(each.first, each.last) for each in hba(text, version)] == [(8, 9)]


_PIECES = [
    "#",
    '"',
    "'",
    " ",
    "\n",
    "\r",
    "\\",
    ",",
    ":",
    "=",
    "x",
    "HBA013",
    "pgward-ignore",
    "\0",
    "é",
]
_TEXTS = st.lists(st.sampled_from(_PIECES)).map("".join)


@given(_TEXTS, st.sampled_from([11, 18]))
def test_whatever_stands_there(text, version) -> None:
    lines = text.count("\n") + 1
    for each in [*hba(text, version), *of_settings_file("f", text.encode())]:
        assert 1 <= each.first <= each.place.line <= each.last <= lines
        assert "pgward-ignore" in text.split("\n")[each.place.line - 1] or version == 18
