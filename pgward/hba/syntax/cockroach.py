"""What a line of CockroachDB's HBA configuration says, and what it adds of its own.

Follows ``hba/parser.go``, ``hba_conf.go`` and the checks of each method in pkg/sql/pgwire and
pkg/ccl. The setting ``server.host_based_authentication.configuration`` takes a text
or refuses it whole; an empty one stands for lines that are built in.
"""

import re
from collections.abc import Iterator, Sequence

from pgward.hba.syntax import cockroach_tokens, go_addresses
from pgward.hba.syntax.addresses import Address, Network, Word
from pgward.hba.syntax.files import Files, Placed, built_in, read_whole
from pgward.hba.syntax.options import SECRETS
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.reader import Reader
from pgward.hba.syntax.rules import LOCAL, Rule
from pgward.hba.syntax.tokens import Field, Token
from pgward.hba.syntax.versions import Abilities

SETTING = "server.host_based_authentication.configuration"
OWN = built_in("CockroachDB")
_ROOT = b"host  all root all cert-password # CockroachDB mandatory rule"
_DEFAULT = b"""\
host  all all  all cert-password # built-in CockroachDB default
local all all      password      # built-in CockroachDB default
"""
_KINDS = frozenset({LOCAL, "host", "hostssl", "hostnossl"})
_ALL = Token("all")
_ROOT_FIELDS = ("host", ("all",), ("root",))
_LOOPBACK = Network(0x7F000001, 0xFFFFFFFF, 32)
# What is looked at behind these; whatever else stands there is taken, and does nothing.
_LOOKED_AT = {"cert": {"map"}, "cert-password": {"map"}, "peer": {"map"}}
_GSS = frozenset({"include_realm", "krb_realm", "map"})
_LDAP = (
    *("ldapserver", "ldapport", "ldapbasedn", "ldapbinddn", "ldapbindpasswd"),
    *("ldapsearchattribute", "ldapsearchfilter"),
)
_LDAP_PORTS = frozenset({"389", "636"})
_FILTER = re.compile(r"\([\t\n\f\r ]*[^\t\n\f\r ]+[\t\n\f\r ]*=[\t\n\f\r ]*[^\t\n\f\r ]+.*\)")
_DN = re.compile(r"(?:[^=,+]+=[^,+]*(?:[,+][^=,+]+=[^,+]*)*)?", re.DOTALL)
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
Found = tuple[str, str, int, int]


def lines(path: str, files: Files, _able: Abilities) -> list[Placed]:
    """Return the lines that count, the built-in ones first; raise FileProblemError."""
    data = read_whole(path, files)
    if not data.strip(b"\r\n"):
        # psql ends even an empty value with a line end, and no value of blank lines is taken.
        return _split(OWN, _ROOT + b"\n" + _DEFAULT)
    found = _split(path, data)
    if not found:
        nothing = BadLineError(f"no line says anything; for what is built in, {SETTING} is ''")
        (first, *_) = cockroach_tokens.parse(data)
        return [Placed(path, first.line, (), (), nothing)]
    return found if _begins_with_root(found[0]) else [*_split(OWN, _ROOT), *found]


def is_default(found: Sequence[Placed]) -> bool:
    """Tell whether all lines are built in, for the setting is empty."""
    return all(each.path == OWN for each in found)


def read(fields: tuple[Field, ...], able: Abilities) -> Rule:
    """Return the rule of a line's fields; names are folded, and all but ``all`` are names.

    Its options are those that do something. Raises BadLineError for what CockroachDB refuses.
    """
    return _parsed(fields, able)[0]


def idle_options(fields: tuple[Field, ...], able: Abilities) -> Iterator[tuple[int, int, str]]:
    """Yield the places of options of a good line that do nothing, and why."""
    rule, given = _parsed(fields, able)
    wanted = _LOOKED_AT.get(rule.method)
    for name, value, number, index in given if wanted is not None else ():
        if wanted is not None and name not in wanted:
            said = name if name in SECRETS else f"{name}={value}"
            yield number, index, f"{said} does nothing behind {rule.method}"
        elif rule.option("map") is None:
            yield number, index, "map stands there twice, and so none of both is looked at"


def _parsed(fields: tuple[Field, ...], able: Abilities) -> tuple[Rule, list[Found]]:
    """Return the rule, and all its options with their places."""
    reader = Reader(fields)
    kind = reader.single("connection type")
    if kind not in _KINDS:
        raise BadLineError(f"{kind!r} is no connection type of CockroachDB")
    databases, roles = reader.field("database"), reader.field("role")
    address = None if kind == LOCAL else _address(reader)
    method = reader.single("authentication method")
    at = reader.at - 1
    given = list(_options(fields[reader.at :], reader.at))
    for index, each in enumerate(databases):
        if not each.is_word("all"):
            said = f"CockroachDB has no rules for one database: {each.text!r} must be all"
            raise BadLineError(said, 1, index)
    if method not in able.methods:
        raise BadLineError(f"{method!r} is no authentication method of CockroachDB", at)
    _check_options(method, given, at)
    names = tuple(_name(each, able) for each in roles)
    return Rule(kind, (_ALL,), names, address, method, _counting(method, given)), given


def _options(fields: tuple[Field, ...], first: int) -> Iterator[Found]:
    """Yield names and values of options, with their places; raise BadLineError.

    A value that is missing is the next word of the same field.
    """
    shown = True
    for number, field in enumerate(fields, first):
        index = 0
        while index < len(field):
            at = index
            name, equals, value = field[index].text.partition("=")
            if equals and not value and index + 1 < len(field):
                index += 1
                value = field[index].text
            elif not value:
                # Behind a secret it may be the rest of that, which nobody put into quotes.
                what = f"the option {name + equals!r}" if shown else "a word behind a secret"
                raise BadLineError(f"{what} is not name=value", number, at)
            shown = shown and name not in SECRETS
            yield name, value, number, at
            index += 1


def _check_options(method: str, given: list[Found], at: int) -> None:
    if method in _LOOKED_AT:
        return
    if method == "gss":
        _check_gss(given, at)
    elif method == "ldap":
        _check_ldap(given, at)
    elif given:
        raise BadLineError(f"the method {method} takes no options", *given[0][2:])


def _check_gss(given: list[Found], at: int) -> None:
    for name, value, *where in given:
        if name not in _GSS:
            raise BadLineError(f"the method gss knows no option {name!r}", *where)
        if name == "include_realm" and value != "0":
            raise BadLineError("include_realm must be 0", *where)
    if not {"include_realm", "map"} & {name for name, *_ in given}:
        raise BadLineError("the method gss needs include_realm=0 or map", at)


def _check_ldap(given: list[Found], at: int) -> None:
    # Values may be secrets, which no message shows.
    for name, value, *where in given:
        if name not in {*_LDAP, "ldapgrouplistfilter"}:
            raise BadLineError(f"the method ldap knows no option {name!r}", *where)
        if name == "ldapserver" and not _SCHEME.match(value) and ":" in value.split("/", 1)[0]:
            raise BadLineError(f"{name} is no URL, nor the name of a host", *where)
        if name == "ldapport" and value not in _LDAP_PORTS:
            raise BadLineError("ldapport is 389 or 636", *where)
        if name in {"ldapbasedn", "ldapbinddn"} and not _is_dn(value):
            raise BadLineError(f"{name} is no distinguished name", *where)
        if name in {"ldapbindpasswd", "ldapsearchattribute"} and not value:
            raise BadLineError(f"{name} is empty", *where)
        if name.endswith("filter") and not _FILTER.search(value):
            raise BadLineError(f"{name} is not of the form (key=value)", *where)
    missing = [name for name in _LDAP if name not in {each[0] for each in given}]
    if missing:
        raise BadLineError(f"the method ldap needs {missing[0]}", at)


def _is_dn(value: str) -> bool:
    return _DN.fullmatch(_ESCAPED.sub("x", value.strip())) is not None


def _counting(method: str, given: list[Found]) -> tuple[tuple[str, str], ...]:
    """Return the options that are looked at; ``map`` only where it stands there once."""
    wanted = _LOOKED_AT.get(method)
    maps = [value for name, value, *_ in given if name == "map" and value]
    return tuple(
        (name, value)
        for name, value, *_ in given
        if (wanted is None or name in wanted) and (name != "map" or len(maps) == 1)
    )


def _address(reader: Reader) -> Address:
    token = reader.word("address")
    at = reader.at - 1
    if not token.text:
        raise BadLineError("the address is empty", at)
    if token.is_word("all"):
        return Word.ALL
    if token.text in {"samehost", "samenet"} and not token.quoted:
        raise BadLineError(f"CockroachDB has no {token.text}", at)
    if "/" in token.text:
        network = go_addresses.cidr(token.text)
        if network is None:
            raise BadLineError(f"{token.text!r} is no CIDR address", at)
        return network
    number = go_addresses.ip(token.text)
    if number is None:
        raise BadLineError(f"CockroachDB looks up no host names: {token.text!r}", at)
    mask = reader.single("netmask")
    given = go_addresses.ip(mask)
    if given is None:
        raise BadLineError(f"{mask!r} is no IP mask", at + 1)
    try:
        masked = go_addresses.masked(number, given)
    except ValueError:
        message = f"the address {number} and the mask {mask} do not match"
        raise BadLineError(message, at + 1) from None
    if masked is None:
        raise BadLineError(f"the mask {mask} is no prefix of an address", at + 1)
    return masked


def _name(token: Token, able: Abilities) -> Token:
    """Return a role as a name, whatever it looks like to PostgreSQL."""
    return token if token.is_word("all") else Token(able.folded(token.text), quoted=True)


def _split(path: str, data: bytes) -> list[Placed]:
    found: list[Placed] = []
    for each in cockroach_tokens.parse(data):
        if each.problem is not None:
            found.append(Placed(path, each.line, each.line.fields, (), each.problem))
        elif each.line.fields:
            found.append(Placed(path, each.line, each.line.fields, ()))
    return found


def _begins_with_root(line: Placed) -> bool:
    """Tell whether a line is what CockroachDB would put first, or takes instead of it."""
    fields = line.fields
    if line.problem is not None or len(fields) != len(_ROOT_FIELDS) + 2:
        return False
    kind, databases, roles, address, method = fields
    words = (kind[0].text, method[0].text, len(databases), len(method), len(address))
    if words != ("host", "cert-password", 1, 1, 1) or method[0].quoted:
        return False
    first = roles[0]
    if first.quoted or first.text.lower() != "root" or _ALL in roles:
        return False
    where = address[0]
    loopback = ":" not in where.text and go_addresses.cidr(where.text) == _LOOPBACK
    return where == _ALL or ("/" in where.text and loopback)
