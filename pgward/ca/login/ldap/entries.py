"""What an entry says of a person: the name, the groups, and an id that stays. Pure.

Groups are known by their DN, and by their short name only below ``groupBase``: who may make a
group elsewhere in the directory must not be able to give it the name of one that counts.
``administrators`` comes from nothing but an explicit line of ``groupMap``.
"""

import hashlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from pgward.ca.identity.directory import ADMINISTRATORS
from pgward.ca.login.ldap import dn
from pgward.ca.login.ldap.errors import LdapRefusedError
from pgward.ca.login.ldap.messages import Entry
from pgward.ca.resources.ldap_provider import LdapSpec
from pgward.core import names
from pgward.core.errors import InvalidInputError

_MAX_TEXT = 200
_GUID = "objectguid"
_UUID_BYTES = 16


@dataclass(frozen=True, slots=True)
class LdapGroup:
    """A group: its DN, and its short name where that counts."""

    dn: str
    name: str | None


@dataclass(frozen=True, slots=True)
class LdapPerson:
    """Who an entry is; ``groups`` (ours) None when nothing is said of groups."""

    dn: str
    subject: str
    name: str
    full_name: str
    email: str
    groups: frozenset[str] | None


def attributes(spec: LdapSpec) -> list[str]:
    """Return which attributes of a person's entry are needed."""
    wanted = [spec.user_attribute, spec.full_name_attribute, spec.email_attribute]
    wanted += [each for each in (spec.id_attribute, spec.groups_attribute) if each is not None]
    return list(dict.fromkeys(wanted))


def person(entry: Entry, groups: Iterable[LdapGroup], spec: LdapSpec) -> LdapPerson:
    """Return who it is; raise LdapRefusedError for an entry that cannot log in."""
    theirs = list(groups)
    if spec.allow_groups is not None and not any(
        _is_one_of(group, spec.allow_groups) for group in theirs
    ):
        raise LdapRefusedError(f"{entry.dn} is in none of the groups in allowGroups")
    return LdapPerson(
        dn=entry.dn,
        subject=_subject(entry, spec),
        name=_name(entry, spec),
        full_name=_line(entry, spec.full_name_attribute),
        email=_line(entry, spec.email_attribute),
        groups=our_groups(theirs, spec) if spec.has_groups else None,
    )


def named_groups(entry: Entry, spec: LdapSpec) -> list[LdapGroup]:
    """Return the groups that a person's entry itself lists (memberOf)."""
    if spec.groups_attribute is None:
        return []
    listed = _texts(entry, spec.groups_attribute)
    return [group(each, spec) for each in listed if _is_readable(each)]


def group(name: str, spec: LdapSpec) -> LdapGroup:
    """Return the group of this DN."""
    counts = spec.group_base is not None and dn.is_below(name, spec.group_base)
    return LdapGroup(name, dn.first_value(name) if counts else None)


def found_group(entry: Entry, spec: LdapSpec) -> LdapGroup:
    """Return the group that a search below ``groupBase`` found."""
    values = _texts(entry, spec.group_attribute)
    return LdapGroup(entry.dn, values[0] if values else None)


def our_groups(theirs: Iterable[LdapGroup], spec: LdapSpec) -> frozenset[str]:
    """Return what the groups are called here; those that cannot be are left out."""
    found = (_ours(each, spec) for each in theirs)
    return frozenset(each for each in found if each is not None)


def _ours(theirs: LdapGroup, spec: LdapSpec) -> str | None:
    for key, ours in spec.group_map.items():
        if _is_one_of(theirs, (key,)):
            return ours
    if spec.unmapped_groups == "ignore" or theirs.name is None:
        return None
    ours = (spec.group_prefix or "") + theirs.name.lower().replace(" ", "-")
    try:
        names.resource_name(ours)
    except InvalidInputError:
        return None
    return None if ours == ADMINISTRATORS or not theirs.name.isascii() else ours


def _is_one_of(theirs: LdapGroup, named: Iterable[str]) -> bool:
    for each in named:
        if "=" in each:
            if _is_readable(each) and dn.same(each, theirs.dn):
                return True
        elif theirs.name is not None and each.casefold() == theirs.name.casefold():
            return True
    return False


def _name(entry: Entry, spec: LdapSpec) -> str:
    values = _texts(entry, spec.user_attribute)
    if len(values) != 1:
        raise LdapRefusedError(f"{entry.dn} has {len(values)} values of {spec.user_attribute}")
    try:
        name = names.new_identity(values[0])
    except InvalidInputError as error:
        raise LdapRefusedError(f"{spec.user_attribute} of {entry.dn}: {error.message}") from error
    return name.lower() if spec.lower_case else name


def _subject(entry: Entry, spec: LdapSpec) -> str:
    """Return what stays the same when a person is renamed; without it, the DN."""
    attribute = (spec.id_attribute or "").lower()
    values = entry.attributes.get(attribute, ())
    if not values:
        name = repr(dn.parts(entry.dn)).encode("utf-8", "backslashreplace")
        return f"dn-sha256:{hashlib.sha256(name).hexdigest()}"
    if attribute == _GUID and len(values[0]) == _UUID_BYTES:
        return str(uuid.UUID(bytes_le=bytes(values[0])))
    found = values[0].decode("utf-8", "backslashreplace")
    if len(found) > _MAX_TEXT or not found.isprintable():
        raise LdapRefusedError(f"{spec.id_attribute} of {entry.dn} is no id")
    return found


def _texts(entry: Entry, attribute: str) -> list[str]:
    found = []
    for value in entry.attributes.get(attribute.lower(), ()):
        try:
            found.append(value.decode())
        except UnicodeDecodeError:
            continue
    return found


def _line(entry: Entry, attribute: str) -> str:
    """Return one line for people to read, or nothing: it is no reason to refuse anybody."""
    values = _texts(entry, attribute)
    text = values[0] if values else ""
    return text if text.isprintable() and len(text) <= _MAX_TEXT else ""


def _is_readable(name: str) -> bool:
    try:
        dn.parts(name)
    except InvalidInputError:
        return False
    return True
