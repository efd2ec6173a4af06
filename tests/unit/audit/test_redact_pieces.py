import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.redact_pieces import PieceRedactor

FILLED = b"x" * 5000


def masked(pieces):
    redactor = PieceRedactor()
    return b"".join([*(redactor.feed(piece) for piece in pieces), redactor.end()])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"alter role x PASSWORD 'abc' ;", b"alter role x PASSWORD '***' ;"),
        (b"PASSWORD E'abc' ;", b"PASSWORD E'***' ;"),
        (b"password = $a$x$y$a$ ;", b"password = $a$***$a$ ;"),
        (b"execute 'alter role x password ''abc'' '", b"execute 'alter role x password ''***'' '"),
        (b'{"password": "abc"}', b'{"password": "***"}'),
        (b'E\'{\\"password\\": \\"abc\\"}\'', b'E\'{\\"password\\": \\"***\\"}\''),
        (b"'host=x password=abc user=y'", b"'host=x password=*** user=y'"),
        (b"select password, 'abc'", b"select password, 'abc'"),
        (b"select 'password'; delete from x", b"select 'password'; delete from x"),
    ],
)
@pytest.mark.parametrize("cut", [7, 1000])
def test_a_secret_is_masked_wherever_the_text_is_cut(text, expected, cut):
    whole = FILLED + text + FILLED
    pieces = [whole[at : at + cut] for at in range(0, len(whole), cut)]
    assert masked(pieces) == FILLED + expected + FILLED


@given(
    st.lists(st.binary(max_size=50) | st.sampled_from([b"password", b"'", b"=", b" "]), max_size=20)
)
def test_lengths_stay(pieces):
    assert len(masked(pieces)) == len(b"".join(pieces))


def test_who_masks_knows():
    redactor = PieceRedactor()
    redactor.feed(b"password='x'" + FILLED)
    assert redactor.found
    other = PieceRedactor()
    other.feed(FILLED)
    other.end()
    assert not other.found


def test_a_secret_that_has_been_waited_for_is_bounded():
    redactor = PieceRedactor()
    for _ in range(100):
        redactor.feed(b"password '" + b"x" * 100)
    assert len(redactor.end()) < 9000
