"""What a rule does, in words: who gets into what, from where and by which method."""

import functools

from pgward.hba.syntax.addresses import Address, HostName, Network, Word
from pgward.hba.syntax.rules import Rule
from pgward.hba.syntax.tokens import Field, Token

_MOST_NAMES = 3
_KEPT = 1024
_ROLES = {"all": "everyone"}
_DATABASES = {
    "all": "every database",
    "replication": "physical replication",
    "sameuser": "the database of the role's name",
    "samerole": "the databases of the role's groups",
    "samegroup": "the databases of the role's groups",
}
_PLACES: dict[Address | None, str] = {
    None: "over the Unix socket",
    Word.ALL: "from everywhere",
    Word.SAMEHOST: "from this machine",
    Word.SAMENET: "from the server's own networks",
}


def lets(rule: Rule, whom: str | None = None) -> str:
    """Return ``lets bob into shop from 10.0.0.0/8 by md5``, or that it keeps him out.

    ``whom`` replaces who it names.
    """
    roles, databases = whom or _roles(rule.roles), _databases(rule.databases)
    if rule.method == "reject":
        return f"keeps {roles} out of {databases} {origin(rule.address)}"
    return f"lets {roles} into {databases} {origin(rule.address)} by {rule.method}"


def origin(address: Address | None) -> str:
    """Return from where an address lets in."""
    if isinstance(address, Network):
        return f"from {address}"
    if isinstance(address, HostName):
        return (
            f"from {'hosts under' if address.name.startswith('.') else 'the host'} {address.name}"
        )
    return _PLACES[address]


def listed(names: list[str]) -> str:
    """Return names as one says them, the first few of many."""
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


@functools.lru_cache(_KEPT)
def _roles(names: Field) -> str:
    return listed([_role(each) for each in names])


@functools.lru_cache(_KEPT)
def _databases(names: Field) -> str:
    return listed([_database(each) for each in names])


def _role(token: Token) -> str:
    if token.text.startswith("+") and not token.quoted:
        return f"members of {token.text[1:]}"
    return _written(token) if token.quoted else _ROLES.get(token.text, token.text)


def _database(token: Token) -> str:
    return _written(token) if token.quoted else _DATABASES.get(token.text, token.text)


def _written(token: Token) -> str:
    """Keep the quotes where a word without them would mean something else."""
    special = not token.text or token.text in _DATABASES or token.text.startswith("+")
    return f'"{token.text}"' if token.quoted and special else token.text
