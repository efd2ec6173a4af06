import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.audit.chain import encoding
from pgward.audit.chain.encoding import encode_plainly, fast_encoder

pytest.importorskip("msgspec")
FAST = fast_encoder()
TEXTS = st.text(st.characters())  # halves of surrogate pairs as well
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
)


@given(st.dictionaries(TEXTS, VALUES | st.lists(VALUES) | st.dictionaries(TEXTS, VALUES)))
def test_both_encoders_write_what_was_given(record):
    assert json.loads(FAST(record)) == json.loads(encode_plainly(record)) == record


@pytest.mark.parametrize("encode", [FAST, encode_plainly])
def test_lines_have_no_spaces_and_no_line_feeds_and_bytes_are_base64(encode):
    assert encode({"ä": ["a\nb", None, b"\xff"]}) == '{"ä":["a\\nb",null,"/w=="]}'.encode()
    assert encode({"half": "\ud800"}) == b'{"half":"\\ud800"}'


@pytest.mark.parametrize("encode", [FAST, encode_plainly])
def test_what_json_cannot_hold_is_refused(encode):
    with pytest.raises(TypeError):
        encode({"x": object()})


def test_without_msgspec_the_standard_library_does(monkeypatch):
    monkeypatch.setattr(encoding, "msgspec", None)
    assert fast_encoder() is None
