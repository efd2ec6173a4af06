import pytest
from cryptography.x509 import ReasonFlags

from pgward.core.errors import InvalidInputError
from pgward.pki import reasons

ALL = (
    "one of unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation,"
    " privilegeWithdrawn"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("keyCompromise", ReasonFlags.key_compromise),
        ("KEYCOMPROMISE", ReasonFlags.key_compromise),
        ("key-compromise", ReasonFlags.key_compromise),
        ("cessation_of_operation", ReasonFlags.cessation_of_operation),
        ("unspecified", ReasonFlags.unspecified),
    ],
)
def test_names_are_read_as_people_write_them(text, expected):
    assert reasons.parse(text) is expected


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("keyComprimise", "'keyComprimise' is no reason to revoke", "did you mean keyCompromise?"),
        ("supersede", "'supersede' is no reason to revoke", "did you mean superseded?"),
        ("the laptop was lost", "'the laptop was lost' is no reason to revoke", ALL),
        ("", "'' is no reason to revoke", ALL),
        ("certificateHold", "certificateHold does not revoke for good", ALL),
        ("removeFromCRL", "removeFromCRL does not revoke for good", ALL),
        ("cACompromise", "cACompromise is for the certificates of CAs", ALL),
    ],
)
def test_others_are_refused_with_the_nearest(text, message, hint):
    with pytest.raises(InvalidInputError) as caught:
        reasons.parse(text)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_every_reason_has_its_number_and_name():
    assert set(reasons.CODES) == set(ReasonFlags)
    assert reasons.name("privilege_withdrawn") == "privilegeWithdrawn"
    assert [reasons.parse(name).value for name in reasons.FOR_LEAVES] == list(reasons.FOR_LEAVES)
