import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.pki import bech32


@pytest.mark.parametrize(
    ("prefix", "text", "data"),
    [
        # From the age specification's test vectors (c2sp.org/CCTV/age), and BIP 173.
        ("a", "A12UEL5L", b""),
        ("abcdef", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "00443214c74254b635cf84653a56d7c675be77df"),  # noqa: E501
    ],
)  # fmt: skip
def test_vectors(prefix, text, data):
    expected = bytes.fromhex(data) if isinstance(data, str) else data
    assert bech32.decode(prefix, text) == expected
    assert bech32.encode(prefix, expected) == text.lower()


@given(st.binary(max_size=64))
def test_what_is_encoded_is_decoded(data):
    text = bech32.encode("age", data)
    assert bech32.decode("age", text) == bech32.decode("age", text.upper()) == data


@given(st.binary(min_size=1, max_size=40), st.data())
def test_a_typo_is_found(data, draw):
    text = bech32.encode("age", data)
    place = draw.draw(st.integers(4, len(text) - 1))
    other = draw.draw(st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l").filter(
        lambda letter: letter != text[place]
    ))  # fmt: skip
    with pytest.raises(ValueError, match="typing error"):
        bech32.decode("age", text[:place] + other + text[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", "age", "age1", "ages1qqqqqq", "Age1qqqqqqqq", "age1" + "q" * 2000]
)
def test_what_is_none(text):
    with pytest.raises(ValueError, match=r"begin|case|typing|padded"):
        bech32.decode("age", text)
