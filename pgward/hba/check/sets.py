"""Which connections two rules share, as far as it can be told without knowing a server's roles."""

from collections.abc import Callable

from pgward.hba.decide.connection import Encryption
from pgward.hba.syntax.addresses import Network, Word
from pgward.hba.syntax.regexes import compiled
from pgward.hba.syntax.rules import LOCAL, Rule
from pgward.hba.syntax.tokens import Field, Token
from pgward.hba.syntax.versions import Abilities

_LOOPBACK = (
    Network(0x7F000000, 0xFF000000, 32),
    Network(1, (1 << 128) - 1, 128),
)
_EVERY = frozenset(Encryption)
_TRANSPORTS = {
    "host": _EVERY,
    "hostssl": frozenset({Encryption.TLS}),
    "hostnossl": _EVERY - {Encryption.TLS},
    "hostgssenc": frozenset({Encryption.GSS}),
    "hostnogssenc": _EVERY - {Encryption.GSS},
}
_OWN = frozenset({"sameuser", "samerole", "samegroup"})


def encryptions(rule: Rule) -> frozenset[Encryption]:
    """Return how connections that a rule matches may be encrypted; nothing for ``local``."""
    return _TRANSPORTS.get(rule.kind, frozenset())


def is_loopback(rule: Rule) -> bool:
    """Tell whether a rule is for nobody but this machine itself."""
    address = rule.address
    if isinstance(address, Network):
        return any(each.covers(address) for each in _LOOPBACK)
    return rule.kind == LOCAL or address is Word.SAMEHOST


def covers(one: Rule, other: Rule) -> bool:
    """Tell whether every connection that ``other`` matches is matched by ``one``, for certain."""
    if (one.kind == LOCAL) != (other.kind == LOCAL) or encryptions(other) - encryptions(one):
        return False
    return (
        _address_covers(one, other)
        and _every(one.databases, other.databases, _database_covers)
        and _every(one.roles, other.roles, _role_covers)
    )


def may_meet(one: Rule, other: Rule, able: Abilities) -> bool:
    """Tell whether a connection may be matched by both, unless it is certain that none is."""
    if (one.kind == LOCAL) != (other.kind == LOCAL):
        return False
    if one.kind != LOCAL and not encryptions(one) & encryptions(other):
        return False
    return (
        _addresses_meet(one, other)
        and _names_meet(one.databases, other.databases, able, databases=True)
        and _names_meet(one.roles, other.roles, able, databases=False)
    )


def _address_covers(one: Rule, other: Rule) -> bool:
    if one.address is Word.ALL or one.address == other.address:
        return True
    if isinstance(one.address, Network) and isinstance(other.address, Network):
        return one.address.covers(other.address)
    return False


def _addresses_meet(one: Rule, other: Rule) -> bool:
    first, second = one.address, other.address
    if not (isinstance(first, Network) and isinstance(second, Network)):
        return True
    if first.bits != second.bits:
        return False
    return (first.address ^ second.address) & first.mask & second.mask == 0


def _every(ours: Field, theirs: Field, covers_: Callable[[Token, Token], bool]) -> bool:
    return all(any(covers_(one, other) for one in ours) for other in theirs)


def _database_covers(one: Token, other: Token) -> bool:
    if one.is_word("all"):
        return not other.is_word("replication")
    return one == other


def _role_covers(one: Token, other: Token) -> bool:
    return one.is_word("all") or one == other


def _names_meet(ours: Field, theirs: Field, able: Abilities, *, databases: bool) -> bool:
    meet = _databases_meet if databases else _roles_meet
    return any(meet(one, other, able) for one in ours for other in theirs)


def _databases_meet(one: Token, other: Token, able: Abilities) -> bool:
    if one.is_word("replication") != other.is_word("replication"):
        return False
    return any(not each.quoted and each.text in _OWN for each in (one, other)) or _meet(
        one, other, able
    )


def _roles_meet(one: Token, other: Token, able: Abilities) -> bool:
    # Who is a member of what is in no file.
    grouped = any(not each.quoted and each.text.startswith("+") for each in (one, other))
    return grouped or _meet(one, other, able)


def _meet(one: Token, other: Token, able: Abilities) -> bool:
    if one == other or one.is_word("all") or other.is_word("all"):
        return True
    patterns = [each for each in (one, other) if able.includes and each.text.startswith("/")]
    if not patterns:
        return one.text == other.text
    if len(patterns) > 1:
        return True
    name = other if patterns[0] is one else one
    return compiled(patterns[0].text[1:], able.version).matches(name.text)
