"""What an entry says of a person: the name, the groups, an id that stays, and whether they may in.

Pure.

Groups are known by their DN, and by their short name only below ``groupBase``: who may make a
group elsewhere in the directory must not be able to give it the name of one that counts.
``administrators`` comes from nothing but an explicit line of ``groupMap``.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pgward.ca.identity.directory import ADMINISTRATORS
from pgward.ca.login.ldap import dn
from pgward.ca.login.ldap.errors import LdapRefusedError, LdapResultError
from pgward.ca.login.ldap.messages import Code, Entry
from pgward.ca.resources.ldap_provider import LdapSpec
from pgward.core import names
from pgward.core.errors import InvalidInputError

MOST_GROUPS = 1000  # of a person: in more than that, nobody is let in with some of them
_MAX_TEXT = 200
_GUID = "objectguid"
_UUID_BYTES = 16
_BY_DN = "dn-sha256:"
_UNDECODED = "\\x"
# How servers say that an account is closed. Active Directory, Samba:
_CONTROL, _DISABLED = "userAccountControl", 2
_EXPIRES, _NEVER = "accountExpires", (0, 2**63 - 1)
_FILETIME = datetime(1601, 1, 1, tzinfo=UTC)  # in 100 ns since then
# 389, FreeIPA:
_LOCK = "nsAccountLock"
# OpenLDAP (draft-behera-ldap-password-policy-10 section 5.3.3): this time means for good. Others
# are of wrong passwords, which a stranger can type.
_LOCKED, _FOR_GOOD = "pwdAccountLockedTime", "000001010000Z"


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
    wanted += [spec.id_attribute] if spec.has_ids else []
    wanted += [] if spec.groups_attribute is None else [spec.groups_attribute]
    return list(dict.fromkeys([*wanted, _CONTROL, _EXPIRES, _LOCK, _LOCKED]))


def check_active(entry: Entry, now: datetime) -> None:
    """Raise LdapRefusedError for an account that is closed, in the ways of the usual servers."""
    if any(number & _DISABLED for number in _numbers(entry, _CONTROL)):
        raise LdapRefusedError(f"{entry.dn} is disabled ({_CONTROL})")
    passed = (now - _FILETIME) // timedelta(microseconds=1) * 10
    if any(number not in _NEVER and number <= passed for number in _numbers(entry, _EXPIRES)):
        raise LdapRefusedError(f"{entry.dn} has expired ({_EXPIRES})")
    if any(each.lower() == "true" for each in _texts(entry, _LOCK)):
        raise LdapRefusedError(f"{entry.dn} is disabled ({_LOCK})")
    if any(each == _FOR_GOOD for each in _texts(entry, _LOCKED)):
        raise LdapRefusedError(f"{entry.dn} is locked for good ({_LOCKED})")


def id_value(subject: str, spec: LdapSpec) -> bytes | None:
    """Return what ``idAttribute`` of a subject's entry is; None where that cannot be told.

    Then there was no id, but a DN, which says no more whose it is when somebody was renamed.
    """
    if not spec.has_ids or subject.startswith(_BY_DN) or _UNDECODED in subject:
        return None
    if spec.id_attribute.lower() != _GUID:
        return subject.encode()
    try:
        return uuid.UUID(subject).bytes_le
    except ValueError:
        return subject.encode()


def check_subject(entry: Entry, subject: str, spec: LdapSpec) -> None:
    """Raise LdapResultError unless it is the entry of this subject."""
    if _subject(entry, spec) != subject:
        raise LdapResultError(
            f"the LDAP server sent {entry.dn} for another {spec.id_attribute}", result=Code.SUCCESS
        )


def name_of(entry: Entry, spec: LdapSpec) -> str:
    """Return what the directory calls a person, whether or not that can be a name here."""
    return next(iter(_texts(entry, spec.user_attribute)), "")


def person(entry: Entry, groups: Iterable[LdapGroup], spec: LdapSpec) -> LdapPerson:
    """Return who it is; raise LdapRefusedError for an entry that cannot log in."""
    theirs = list(groups)
    if spec.allow_groups is not None:
        allowed = _Named(spec.allow_groups)
        if all(allowed.place_of(group) is None for group in theirs):
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
    """Return the groups that a person's entry itself lists (memberOf).

    Raises LdapResultError for more than MOST_GROUPS.
    """
    if spec.groups_attribute is None:
        return []
    listed = _texts(entry, spec.groups_attribute)
    if len(listed) > MOST_GROUPS:
        raise LdapResultError(
            f"{entry.dn} is in more than {MOST_GROUPS} groups", result=Code.SIZE_LIMIT
        )
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
    mapped, ours = _Named(spec.group_map), list(spec.group_map.values())
    places = ((each, mapped.place_of(each)) for each in theirs)
    found = (_kept(each, spec) if at is None else ours[at] for each, at in places)
    return frozenset(each for each in found if each is not None)


def _kept(theirs: LdapGroup, spec: LdapSpec) -> str | None:
    """Return what a group is called that groupMap does not name."""
    if spec.unmapped_groups == "ignore" or theirs.name is None:
        return None
    ours = (spec.group_prefix or "") + theirs.name.lower().replace(" ", "-")
    try:
        names.resource_name(ours)
    except InvalidInputError:
        return None
    return None if ours == ADMINISTRATORS or not theirs.name.isascii() else ours


class _Named:
    """Groups that a spec names by DN or short name; each is read once, as there may be many."""

    def __init__(self, named: Iterable[str]) -> None:
        self._by_dn: dict[object, int] = {}
        self._by_name: dict[str, int] = {}
        for place, each in enumerate(named):
            if "=" not in each:
                self._by_name.setdefault(each.casefold(), place)
            elif _is_readable(each):
                self._by_dn.setdefault(tuple(dn.parts(each)), place)

    def place_of(self, group: LdapGroup) -> int | None:
        """Return the place of the first name that is the group's."""
        found = []
        if self._by_dn and _is_readable(group.dn):
            found.append(self._by_dn.get(tuple(dn.parts(group.dn))))
        if group.name is not None:
            found.append(self._by_name.get(group.name.casefold()))
        return min((place for place in found if place is not None), default=None)


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
    attribute = spec.id_attribute.lower()
    values = entry.attributes.get(attribute, ()) if spec.has_ids else ()
    if not values:
        name = repr(dn.parts(entry.dn)).encode("utf-8", "backslashreplace")
        return f"{_BY_DN}{hashlib.sha256(name).hexdigest()}"
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


def _numbers(entry: Entry, attribute: str) -> Iterator[int]:
    for text in _texts(entry, attribute):
        if text.removeprefix("-").isdecimal() and len(text) <= _MAX_TEXT:
            yield int(text)


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
