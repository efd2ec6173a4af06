import pytest

from pgward.core.errors import PgwardError
from pgward.system import output


@pytest.mark.parametrize(
    ("words", "environ", "expected"),
    [
        ("", {}, "table"),
        ("whoami", {}, "table"),
        ("whoami -o json", {}, "json"),
        ("whoami -oyaml", {}, "yaml"),
        ("--output json whoami", {}, "json"),
        ("--output=json whoami", {"PGWARD_OUTPUT": "yaml"}, "json"),
        ("whoami", {"PGWARD_OUTPUT": "yaml"}, "yaml"),
        ("whoami -o xml", {}, "table"),
        ("whoami -o", {}, "table"),
        ("psql shop -- -o json", {}, "table"),
    ],
)
def test_what_a_line_asks_for(words, environ, expected):
    assert output.wanted(words.split(), environ) == expected


def test_an_error_says_where_when_it_knows():
    assert output.error(PgwardError("m"))["error"] == {
        "code": "failed",
        "message": "m",
        "hint": None,
        "where": None,
        "exit_code": 1,
    }
