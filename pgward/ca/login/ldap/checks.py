"""What an administrator wants to know of a directory before people meet it."""

from pgward.ca.login.ldap.directory import LdapDirectory
from pgward.ca.login.ldap.errors import LdapError
from pgward.ca.login.oidc.checks import Check
from pgward.ca.resources.ldap_provider import LdapSpec

# What servers give every entry, whatever it is.
_OF_ALL = ("entryuuid", "objectguid", "nsuniqueid")


async def look(directory: LdapDirectory, spec: LdapSpec) -> list[Check]:
    """Ask each server all that can be asked without a person's password."""
    servers = [
        Check(server, "failed" if problem else "ok", problem or "answers")
        for server, problem in await directory.check()
    ]
    if spec.asks_again and any(each.verdict == "ok" for each in servers):
        servers.append(await _ids(directory, spec))
    return [*servers, _renewals(spec)]


async def _ids(directory: LdapDirectory, spec: LdapSpec) -> Check:
    attribute = spec.id_attribute
    try:
        if attribute.lower() not in _OF_ALL or await directory.has_ids():
            return Check("ids", "ok", f"people are known by {attribute}")
    except LdapError as error:
        return Check("ids", "warning", error.message)
    return Check(
        "ids",
        "warning",
        f"{spec.user_base} has no {attribute}, so people's entries may have none, and are known by"
        " their DN: they are not asked about before renewals. Active Directory has objectGUID",
    )


def _renewals(spec: LdapSpec) -> Check:
    """Say whether people are asked about before renewals, and what follows where they are not."""
    if spec.asks_again:
        return Check("renewals", "ok", f"people are asked about every {spec.refresh_minutes} min")
    lacking = "idAttribute" if spec.bind_dn is not None else "bindDn with userBase"
    return Check(
        "renewals",
        "warning",
        f"without {lacking} nobody is asked about before the next login: who is removed there, or"
        " loses a group, keeps the login session and its groups until its end",
    )
