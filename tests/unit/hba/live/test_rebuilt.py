import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.live import rebuilt
from pgward.hba.syntax import mappings, rules
from pgward.hba.syntax.versions import Abilities

WORDS = st.text(st.characters(exclude_characters="\n\r\0", codec="utf-8"), min_size=1, max_size=8)


def row(**changes):
    return {
        "line_number": 3,
        "type": "hostssl",
        "database": ["all"],
        "user_name": ["ann"],
        "address": "10.0.0.0",
        "netmask": "255.0.0.0",
        "auth_method": "cert",
        "options": ["clientcert=verify-full", "map=m"],
        "error": None,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "hostssl all ann 10.0.0.0/8 cert clientcert=verify-full map=m"),
        ({"netmask": "255.0.255.0", "options": None}, "hostssl all ann 10.0.0.0 255.0.255.0 cert"),
        ({"address": "all", "netmask": None, "options": []}, "hostssl all ann all cert"),
        ({"address": "::1", "netmask": "ffff::", "options": None}, "hostssl all ann ::1/16 cert"),
        (
            {"type": "local", "address": None, "auth_method": "peer", "options": None},
            "local all ann peer",
        ),
        (
            {"user_name": ["a b", '"', "@f", "a,b", "#", "x\\"], "options": ["map=a b"]},
            'hostssl all "a b","""","@f","a,b","#","x\\" 10.0.0.0/8 cert "map=a b"',
        ),
        # What the view shows as true is written as 1.
        (
            {"auth_method": "md5", "options": ["clientcert=true"]},
            "hostssl all ann 10.0.0.0/8 md5 clientcert=1",
        ),
    ],
)
def test_a_line(changes, text) -> None:
    (line,) = rebuilt.hba([row(**changes)], "/hba")
    assert (line.line.text, str(line.place), line.problem) == (text, "/hba:3", None)


@given(st.lists(WORDS, min_size=1, max_size=3), st.lists(WORDS, min_size=1, max_size=3))
def test_names_come_back(databases: list[str], roles: list[str]) -> None:
    (line,) = rebuilt.hba([row(database=databases, user_name=roles)], "/hba")
    says = rules.read(line.fields, Abilities(15))
    assert [each.text for each in says.databases] == databases
    assert [each.text for each in says.roles] == roles


def test_the_file_that_the_view_names() -> None:
    (line,) = rebuilt.hba([row(file_name="/other")], "/hba")
    assert str(line.place) == "/other:3"


@pytest.mark.parametrize("error", [None, "invalid"])
def test_a_line_that_the_server_refuses(error) -> None:
    (line,) = rebuilt.hba([row(type=None, error=error)], "/hba")
    assert line.problem.message == (error or rebuilt.NO_REASON)
    assert str(line.at(line.problem)) == "/hba:3:1"


def test_mappings() -> None:
    names = {"map_name": "m", "sys_name": "/^(.*)@x$", "pg_username": "\\1"}
    given_ = [
        {"line_number": 1, "error": None, **names},
        {"line_number": 2, "error": "bad", **dict.fromkeys(names)},
    ]
    first, second = rebuilt.ident(given_, "/ident")
    assert mappings.read(first.fields, Abilities(16)).system.text == "/^(.*)@x$"
    assert second.problem.message == "bad"


def test_settings() -> None:
    filed = [
        {"sourcefile": "/c", "sourceline": 4, "name": "ssl", "setting": "on", "error": None},
        {
            "sourcefile": "/c",
            "sourceline": 5,
            "name": None,
            "setting": None,
            "error": "syntax error",
        },
    ]
    good, bad = rebuilt.of_file_settings(filed)
    assert (str(good.place), good.setting.key, good.setting.value) == ("/c:4", "ssl", "on")
    assert (str(bad.place), bad.setting, bad.problem) == ("/c:5", None, "syntax error")


def test_settings_by_their_source() -> None:
    ssl = {"name": "ssl", "setting": "on", "sourcefile": None, "sourceline": None}
    given_ = [{**ssl, "source": "command line"}, {**ssl, "source": "default"}]
    (found,) = rebuilt.of_settings(given_, ["command line"])
    assert (found.place.path, found.setting.value) == ("pg_settings/ssl", "on")
