"""What people call the kinds of resources, and what each is for."""

from dataclasses import dataclass

from pgward.ca.resources import kinds
from pgward.core.errors import PgwardError

TOP = "/admin/resources"


@dataclass(frozen=True, slots=True)
class Words:
    """A kind's name for several and for one, and what it says."""

    several: str
    one: str
    about: str


OF = {
    "Service": Words("Services", "service", "the databases that people see, and who may use them"),
    "AccessFlow": Words("Access flows", "access flow", "who may ask for what, and who says yes"),
    "RoleBundle": Words("Role bundles", "role bundle", "rights on servers, under a name"),
    "Integration": Words("Integrations", "integration", "servers on which rights are given"),
    "Policy": Words("Policies", "policy", "rules about connections and statements"),
    "LoginRule": Words("Login rules", "login rule", "what logins and devices must fulfil"),
    "CertificateProfile": Words(
        "Certificate profiles", "certificate profile", "how long certificates live, and their keys"
    ),
    "RoleMap": Words("Role maps", "role map", "which roles people have on hosts without an edge"),
    "IdentityProvider": Words(
        "Identity providers", "identity provider", "where else people are known: OIDC and LDAP"
    ),
    "Secret": Words("Secrets", "secret", "how old a secret's value may become"),
    "User": Words("People", "person", "names, addresses and groups"),
    "Group": Words("Groups", "group", "people under one name"),
}


def path(kind: str, name: str = "", more: str = "") -> str:
    """Return where a kind's page is, a resource's, or a page below that."""
    parts = (TOP, kinds.plural(kind), name, more)
    return "/".join(each for each in parts if each)


def for_page(error: PgwardError) -> PgwardError:
    """Return a refusal without what only a terminal has: options and commands."""
    error.message = error.message.partition("; --")[0]
    error.hint = None if error.hint and error.hint.startswith("pgward ") else error.hint
    return error
