from pgward.ca.login.oidc.errors import (
    NotAllowedError,
    ProviderAwayError,
    RefusedError,
    UntrustedError,
)
from pgward.core.errors import DeniedError, UnavailableError


def test_who_is_at_fault_can_be_told() -> None:
    errors = [UntrustedError("x"), RefusedError("invalid_grant"), NotAllowedError("x")]
    assert [isinstance(each, DeniedError) for each in errors] == [True, True, True]
    assert isinstance(ProviderAwayError("x"), UnavailableError)


def test_messages_say_what_happened() -> None:
    assert (
        UntrustedError("its clock is wrong").message
        == "the identity provider's answer is not believed: its clock is wrong"
    )
    assert ProviderAwayError("it burns").message == (
        "the identity provider cannot be used now: it burns"
    )
    refused = RefusedError("access_denied")
    assert (refused.message, refused.error) == (
        "the identity provider refused: access_denied",
        "access_denied",
    )
