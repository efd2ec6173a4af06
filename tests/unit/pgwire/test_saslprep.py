import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pgwire.saslprep import prepared


@pytest.mark.parametrize(
    ("password", "made"),
    [
        ("pencil", "pencil"),
        ("tab\there", "tab\there"),  # ASCII is never looked at
        ("I\u00adX", "IX"),  # RFC 4013, section 3
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("Gr\u0075\u0308\u00df", "Gr\u00fc\u00df"),
        ("\u0627\u0031", "\u0627\u0031"),  # refused by the RFC, so taken as it is
        ("\u06271\u0627", "\u06271\u0627"),
        ("\u00e9\u0007", "\u00e9\u0007"),
        ("\u00ad", "\u00ad"),
        ("\U0001f600", "\U0001f600"),  # younger than Unicode 3.2
    ],
)
def test_as_postgresql_does_it(password, made) -> None:
    assert prepared(password.encode()) == made.encode()


def test_what_is_no_text_is_taken_as_it_is() -> None:
    assert prepared(b"\xff\xfe") == b"\xff\xfe"


@given(st.text(max_size=40))
def test_a_text_stays_a_text(password) -> None:
    prepared(password.encode("utf-8", "replace")).decode("utf-8")


@given(st.binary(max_size=40))
def test_nothing_makes_it_fail(password) -> None:
    assert prepared(password) or not password
