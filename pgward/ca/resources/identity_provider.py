"""The kind IdentityProvider: who, outside of pgward, says who people are."""

from typing import Annotated, Literal

from pydantic import Field

from pgward.ca.resources.ldap_provider import LdapSpec
from pgward.ca.resources.model import Metadata, Model
from pgward.ca.resources.oidc_provider import OidcSpec

IdentityProviderSpec = Annotated[OidcSpec | LdapSpec, Field(discriminator="type")]


class IdentityProvider(Model):
    """A resource of kind IdentityProvider; ``spec.type`` says how it is asked."""

    kind: Literal["IdentityProvider"]
    metadata: Metadata
    spec: IdentityProviderSpec
