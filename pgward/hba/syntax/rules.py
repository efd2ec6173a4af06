"""What a line of pg_hba.conf says, as one version reads it (``parse_hba_line`` in hba.c)."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

from pgward.hba.syntax import addresses, options, regexes
from pgward.hba.syntax.addresses import Address, HostName, Network, Word
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.reader import Reader
from pgward.hba.syntax.tokens import Field
from pgward.hba.syntax.versions import Abilities

LOCAL = "local"
_KEPT = 4096
_NETWORK = frozenset({"host", "hostssl", "hostnossl"})
_GSS = frozenset({"hostgssenc", "hostnogssenc"})


class Rule(NamedTuple):
    """One rule; ``address`` is None for ``local``, whose method ``ident`` is read as ``peer``."""

    kind: str
    databases: Field
    roles: Field
    address: Address | None
    method: str
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str | None:
        """Return the value of an option, the last where it stands twice, or None."""
        for key, value in reversed(self.options):
            if key == name:
                return value
        return None


def read(fields: tuple[Field, ...], able: Abilities) -> Rule:
    """Return the rule of a line's fields, in which files of names stand as their names.

    Raises BadLineError for what PostgreSQL of this version refuses.
    """
    reader = Reader(fields)
    kind = reader.single("connection type")
    if kind not in _NETWORK and kind not in kinds(able):
        raise BadLineError(f"{kind!r} is no connection type of {able.name}")
    databases = _names(reader, "database", able)
    roles = _names(reader, "role", able)
    address = None if kind == LOCAL else _address(reader)
    try:
        method, given = _proof(kind, fields[reader.at :], able)
    except BadLineError as error:
        raise BadLineError(error.message, error.field + reader.at, error.token) from None
    return Rule(kind, databases, roles, address, method, given)


@functools.lru_cache(_KEPT)
def _proof(
    kind: str, fields: tuple[Field, ...], able: Abilities
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the method and its options, which are the same in most lines; raise BadLineError."""
    reader = Reader(fields)
    method = _method(reader, kind, able)
    at = reader.at
    found = tuple(_options(reader))
    try:
        options.check(kind, method, [(name, value) for name, value, *_ in found], able)
    except options.OptionError as error:
        where = (at - 1, 0) if error.option is None else found[error.option][2:]
        raise BadLineError(error.message, *where) from None
    return method, tuple((name, value) for name, value, *_ in found)


def asks_for_certificate(rule: Rule, able: Abilities) -> bool:
    """Tell whether nobody passes this rule without a valid client certificate."""
    if rule.method == "cert":
        return True
    return rule.kind == "hostssl" and rule.option("clientcert") in able.clientcert_values


@functools.cache
def kinds(able: Abilities) -> frozenset[str]:
    """Return the connection types that a version knows."""
    return _NETWORK | {LOCAL} | (_GSS if able.gss_lines else frozenset())


def _names(reader: Reader, what: str, able: Abilities) -> Field:
    field = reader.field(what)
    if able.includes:
        for index, token in enumerate(field):
            if token.text.startswith("/"):
                try:
                    regexes.compiled(token.text[1:], able.version)
                except regexes.BadRegexError as error:
                    raise BadLineError(str(error), reader.at - 1, index) from None
    return field


def _address(reader: Reader) -> Address:
    field = reader.field("address")
    if len(field) > 1:
        raise BadLineError("there is more than one address", reader.at - 1, 1)
    found = addresses.read(field[0])
    if isinstance(found, Word | HostName | Network):
        return found
    mask = reader.field("address's netmask")
    if len(mask) > 1:
        raise BadLineError("there is more than one netmask", reader.at - 1, 1)
    return addresses.with_mask(found, mask[0])


def _method(reader: Reader, kind: str, able: Abilities) -> str:
    method = reader.single("authentication method")
    at = reader.at - 1
    if method not in able.methods:
        raise BadLineError(f"{method!r} is no authentication method of {able.name}", at)
    if kind == LOCAL and method == "ident":
        method = "peer"
    if kind == LOCAL and method == "gss":
        raise BadLineError("the method gss is not for local lines", at)
    if kind != LOCAL and method == "peer":
        raise BadLineError("the method peer is for local lines only", at)
    if kind != "hostssl" and method == "cert":
        raise BadLineError("the method cert is for hostssl lines only", at)
    return method


def _options(reader: Reader) -> Iterator[tuple[str, str, int, int]]:
    shown = True
    for number, field in reader.rest():
        for index, token in enumerate(field):
            name, equals, value = token.text.partition("=")
            if not equals:
                # Behind a secret it may be the rest of that, which nobody put into quotes.
                what = f"the option {token.text!r}" if shown else "a word behind a secret"
                raise BadLineError(f"{what} is not name=value", number, index)
            shown = shown and name not in options.SECRETS
            yield name, value, number, index
