from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.keys.pkcs11_uri import Pkcs11Uri
from pgward.core.errors import InvalidInputError


def test_every_attribute_is_read():
    text = "pkcs11:token=My%20token;object=a%3bb;id=%00%ff;type=private?module-path=/usr/lib/x.so"
    expected = Pkcs11Uri("My token", "", "a;b", b"\x00\xff", "/usr/lib/x.so")
    assert Pkcs11Uri.parse(text) == expected


def test_the_examples_of_the_rfc_that_name_keys_are_read():
    uri = Pkcs11Uri.parse("pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;id=%69%95%3E%5C%F4")
    assert (uri.token, uri.id) == ("The Software PKCS#11 Softtoken", b"\x69\x95\x3e\x5c\xf4")


texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z", "Cf", "Cn", "Co"]), min_size=1, max_size=20
)


@given(token=texts, label=texts, identity=st.binary(max_size=8), module=texts)
def test_what_is_written_is_read_back(token, label, identity, module):
    uri = Pkcs11Uri(token, "", label, identity, module)
    assert Pkcs11Uri.parse(str(uri)) == uri


@pytest.mark.parametrize("name", ["pin-value", "pin-source"])
@pytest.mark.parametrize("mark", [";", "?"])
def test_a_pin_in_it_is_refused_and_not_repeated(name, mark):
    with pytest.raises(InvalidInputError, match="a PIN must not stand there") as caught:
        Pkcs11Uri.parse(f"pkcs11:token=a;object=b{mark}{name}=1234567")
    assert "1234567" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pkcs12:token=a", "starts with pkcs11:"),
        ("pkcs11:token", "an attribute that is not known"),
        ("pkcs11:toke=a", "an attribute that is not known"),
        ("pkcs11:token=a;token=b", "token twice"),
        ("pkcs11:token=a b", "not percent-encoded"),
        ("pkcs11:token=%G0", "not percent-encoded"),
        ("pkcs11:token=%ff", "not UTF-8"),
        ("pkcs11:token=%00", "not printable"),
        ("pkcs11:token=a;type=cert", "not of a private key"),
    ],
)
def test_what_cannot_be_read_is_refused(text, message):
    with pytest.raises(InvalidInputError, match=message):
        Pkcs11Uri.parse(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    with suppress(InvalidInputError):
        Pkcs11Uri.parse(f"pkcs11:{text}")
