import pytest

from pgward.core.errors import InvalidInputError
from pgward.hba.server.ssh.target import Target


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("db1", Target("db1")),
        ("ann@db1.example.com", Target("db1.example.com", "ann")),
        ("ann@db1:2222", Target("db1", "ann", 2222)),
        ("ann@[fd00::1]:22", Target("fd00::1", "ann", 22)),
    ],
)
def test_read(text, expected) -> None:
    assert Target.parse(text) == expected


@pytest.mark.parametrize(
    "text", ["", "@db1", "db1:", "db1:0", "db1:65536", "a b", "-oProxyCommand=x", "a@-x", "db1:x"]
)
def test_what_is_none(text) -> None:
    with pytest.raises(InvalidInputError, match="is no USER@HOST"):
        Target.parse(text)


def test_in_words() -> None:
    assert [str(Target("h")), str(Target("h", "u", 22))] == ["h", "u@h"]
