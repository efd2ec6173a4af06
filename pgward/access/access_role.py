"""What the access role of a person is called."""

from typing import Final

USER: Final = "{user}"
"""What stands for the person in the template of an integration."""


def access_role(template: str, strip_domain: str | None, user: str) -> str:
    """Return the role's name: the template with the person's, without the domain if it has that."""
    return template.replace(USER, bare(user, strip_domain))


def bare(user: str, domain: str | None) -> str:
    """Return a person's name without a domain, in whatever case it is written."""
    end = f"@{domain}"
    is_of_it = domain is not None and user.lower().endswith(end.lower()) and len(user) > len(end)
    return user[: -len(end)] if is_of_it else user
