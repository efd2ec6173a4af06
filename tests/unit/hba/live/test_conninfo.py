import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from pgward.core.errors import InvalidInputError
from pgward.hba.live.conninfo import parse, target

SECRET = "s3cr3t"
_PIECES = ["host", "user", "password", "=", " ", "'", "\\", "a", "b c", "1", "\t", ",", "@", "/"]
_URI_PIECES = [
    "u",
    ":",
    "@",
    "h",
    ",",
    "[::1]",
    "/",
    "d",
    "?",
    "&",
    "sslmode=require",
    "%40",
    "%",
    "1",
]


def _oracle(text: str) -> dict[str, str] | None:
    """What libpq itself makes of it, through psycopg."""
    try:
        return {key: str(value) for key, value in conninfo_to_dict(text).items()}
    except ProgrammingError:
        return None


@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join).filter(lambda t: "=" in t))
def test_words_are_read_as_libpq_reads_them(text: str) -> None:
    _compare(text)


@given(st.lists(st.sampled_from(_URI_PIECES), max_size=12).map("".join))
def test_uris_are_read_as_libpq_reads_them(text: str) -> None:
    _compare(f"postgresql://{text}")


def _compare(text: str) -> None:
    try:
        found = parse(text)
    except InvalidInputError:
        return  # stricter where libpq's own error would quote a piece of a password
    wanted = _oracle(text)
    assert wanted is None or found == wanted


@pytest.mark.parametrize(
    ("text", "conninfo", "password"),
    [
        ("host=h user=u", "host=h user=u", None),
        (f"host=h password={SECRET} user=u", "host=h user=u", SECRET),
        (r"password='a b\'c' user = u", "user=u", "a b'c"),
        ("postgresql://u:p%40q@h:5433/d?sslmode=require", None, "p@q"),
        ("postgres://u@[::1]/d?ssl=true", "user=u host=::1 dbname=d sslmode=require", None),
        (f"postgres://h/d?password={SECRET}", "host=h dbname=d", SECRET),
        ("orders", "dbname=orders", None),
        ("service=prod", "service=prod", None),
        ("", "", None),
    ],
)
def test_a_password_is_taken_out(text, conninfo, password) -> None:
    found = target(text)
    assert found.password == password
    if conninfo is not None:
        assert found.conninfo == conninfo
    assert SECRET not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        f"password=my {SECRET}",
        f"password=my {SECRET}=x",
        f"password='my {SECRET}",
        f"host=h sslpassword={SECRET}",
        f"host=h oauth_client_secret={SECRET}",
        f"postgresql://u:my@{SECRET}@h/d",
        f"postgresql://u:my/{SECRET}@h/d",
        f"postgresql://u:12/{SECRET}@h/d",
        f"postgresql://u:{SECRET}%zz@h/d",
        f"postgresql://u:{SECRET}%00@h/d",
        f"postgresql://u:{SECRET}[@h[/d",
        f"postgresql://h:{SECRET}",
        f"postgresql://h/d?{SECRET}",
        f"host=h port={SECRET}",
        f"host=h pasword={SECRET}",
        f"host=h\0{SECRET}",
    ],
)
def test_no_error_repeats_what_was_given(text) -> None:
    with pytest.raises(InvalidInputError) as caught:
        target(text)
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
