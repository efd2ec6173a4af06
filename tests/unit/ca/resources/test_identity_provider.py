from pgward.ca.resources.identity_provider import IdentityProvider


def test_its_type_says_how_it_is_asked() -> None:
    body = {
        "kind": "IdentityProvider",
        "metadata": {"name": "corp"},
        "spec": {"type": "oidc", "issuer": "https://idp.test", "clientId": "pgward"},
    }
    assert IdentityProvider.model_validate(body).spec.type == "oidc"
