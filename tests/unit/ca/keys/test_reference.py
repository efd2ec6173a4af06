import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.ca.keys import reference
from pgward.ca.keys.reference import ExecReference, FileReference
from pgward.core.errors import InvalidInputError


@pytest.mark.parametrize(
    "text",
    [
        "file:keys/user-issuing.key",
        "file:/mnt/keys/a.key",
        "exec:/usr/libexec/kms#arn:aws:kms:eu:1:key/a-b",
        "pkcs11:token=pgward;object=user-issuing",
        "pkcs11:serial=00ff;id=%01%02?module-path=/usr/lib/a.so",
    ],
)
def test_what_is_read_is_written_the_same(text):
    assert str(reference.parse(text)) == text


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("file:keys", "file:keys/a-2.key"),
        ("file:/mnt/keys/", "file:/mnt/keys/a-2.key"),
        ("exec:/bin/helper", "exec:/bin/helper#a-2"),
        ("pkcs11:token=my%20token", "pkcs11:token=my%20token;object=a-2"),
    ],
)
def test_a_key_in_a_place(place, expected):
    found = str(reference.parse_place(place).key("a-2"))
    assert found == expected
    assert str(reference.parse(found)) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not say where a key is"),
        ("keys/a.key", "does not say where a key is"),
        ("file:", "does not say where a key is"),
        ("exec:/bin/helper", "names no key"),
        ("exec:helper#a", "must start with /"),
        ("exec:/bin/helper#", "cannot name a key"),
        ("exec:/bin/helper#a b", "cannot name a key"),
        ("pkcs11:token=a", "names no key"),
        ("pkcs11:object=a", "names no token"),
        ("file:a\nb", "one printable line"),
        ("file:" + "a" * 1024, "at most 1024 letters"),
    ],
)
def test_what_names_no_key_is_refused(text, message):
    with pytest.raises(InvalidInputError, match=message):
        reference.parse(text)


@pytest.mark.parametrize(
    "text", ["exec:/bin/helper#a", "pkcs11:token=a;object=b", "pkcs11:token=a;id=%01", "pkcs11:"]
)
def test_what_is_no_place_is_refused(text):
    with pytest.raises(InvalidInputError):
        reference.parse_place(text)


@given(st.text(max_size=40).map(lambda rest: f"exec:/{rest}") | st.text(max_size=40))
def test_any_text_is_read_back_or_refused(text):
    try:
        found = reference.parse(text)
    except InvalidInputError:
        return
    assert isinstance(found, FileReference | ExecReference | reference.Pkcs11Uri)
    assert reference.parse(str(found)) == found
