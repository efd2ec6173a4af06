import pytest

from pgward.ca.resources import kinds
from pgward.ca.resources.fields import FieldError, FieldsError
from pgward.ca.resources.identity_provider import IdentityProvider


def read(**spec):
    body = {"kind": "IdentityProvider", "metadata": {"name": "corp"}, "spec": spec}
    return kinds.read("IdentityProvider", body)


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        ({}, "spec.type", "is missing"),
        ({"type": "saml"}, "spec.type", "must be 'oidc', 'ldap'"),
        ({"type": "oidc", "clientId": "x"}, "spec.issuer", "is missing"),
        (
            {"type": "oidc", "issuer": "https://idp.test", "clientId": "x", "groupClaim": "g"},
            "spec.groupClaim",
            "is not a field; did you mean groupsClaim?",
        ),
        ({"type": "ldap", "servers": [7]}, "spec.servers[0]", "must be a text"),
    ],
)
def test_wrong_fields_are_named_as_people_wrote_them(spec, path, message) -> None:
    with pytest.raises(FieldsError) as refused:
        read(**spec)
    assert refused.value.fields[0] == FieldError(path, message)


def test_its_type_says_how_it_is_asked() -> None:
    body = {
        "kind": "IdentityProvider",
        "metadata": {"name": "corp"},
        "spec": {"type": "oidc", "issuer": "https://idp.test", "clientId": "pgward"},
    }
    assert IdentityProvider.model_validate(body).spec.type == "oidc"
