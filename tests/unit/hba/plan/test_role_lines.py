import pytest

from pgward.core.errors import InvalidInputError
from pgward.hba.plan.role_lines import BEGIN, END, carried_over, span, without

OLD = f"# first\n{BEGIN} sha256:00\nm ann dba\n{END}\nm x y\n".encode()
NEW = OLD.replace(b"ann dba", b"bob ops")
NONE = b"# first\nm x y\n"


def test_where_they_are() -> None:
    assert span(OLD, "f") == (2, 4)
    assert span(NONE, "f") is None
    assert without(OLD, "f") == without(NONE, "f") == NONE


@pytest.mark.parametrize(
    ("data", "present", "expected"),
    [
        (OLD, NEW, NEW),
        (OLD, NONE, NONE),
        (NONE, NONE, NONE),
        (NONE, NEW, NEW.removeprefix(b"# first\n").replace(b"m x y", b"# first\nm x y")),
        (NONE, NEW[: NEW.index(END.encode())] + END.encode(), None),
    ],
)
def test_an_older_file_has_those_of_now(data, present, expected) -> None:
    found = carried_over(data, present, "f")
    assert b"bob ops" in found or b"bob ops" not in present
    assert f"{END}m".encode() not in found
    assert expected in {found, None}


def test_marks_that_do_not_pair() -> None:
    with pytest.raises(InvalidInputError, match="do not stand there once each") as caught:
        without(OLD.replace(END.encode(), b"#"), "f")
    assert caught.value.where == "f:2"
