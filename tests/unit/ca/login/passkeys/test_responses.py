import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pgward.ca.login.passkeys.responses import Asserted, Made
from tests.fixtures.soft_authenticator import SoftAuthenticator, b64

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def good():
    return SoftAuthenticator().use({"challenge": "AAAA"})


def test_an_answer_is_read_as_browsers_write_it():
    phone = SoftAuthenticator()
    read = Asserted.model_validate(phone.use({"challenge": "AAAA"}, handle=b"h"))
    assert (read.credential_id, read.user_handle) == (phone.credential_id, b"h")
    assert read.client_data()["challenge"] == "AAAA"
    assert read.as_library()["rawId"] == read.id


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""},
        {"id": "a+b/"},
        {"id": "A" * 1367},
        {"id": "AAAAA"},
        {"type": "password"},
        {"more": 1},
        {"response": {}},
    ],
)
def test_anything_else_is_refused(change):
    with pytest.raises(ValidationError):
        Asserted.model_validate(good() | change)


@given(JSON, JSON)
def test_hostile_values_are_refused_or_read_but_never_break(value, inner):
    bodies = [value, good() | {"response": inner}, good() | {"id": value}]
    bodies += [good() | {"response": good()["response"] | {"userHandle": value}}]
    for body in bodies:
        for kind in (Asserted, Made):
            try:
                kind.model_validate(body)
            except ValidationError:
                continue


@pytest.mark.parametrize("data", [b"[]", b"{", b"\xff", b'{"type":1,"type":2}', b"null"])
def test_client_data_is_one_strict_json_object(data):
    body = good()
    body["response"]["clientDataJSON"] = b64(data)
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's errors are of several kinds
        Asserted.model_validate(body).client_data()
