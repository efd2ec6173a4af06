"""Values of postgresql.conf that PostgreSQL would not take, alone or one beside another."""

from collections.abc import Iterator

from pgward.hba.check import parameters
from pgward.hba.check.finding import Severity
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.check.values import is_on
from pgward.hba.syntax.files import PlacedSetting
from pgward.hba.syntax.settings import Setting

_OPTIONS_FILE = "postmaster.opts"  # of a start that took them
_FIRST_WITH_RANGE, _FIRST_WITH_SAFE_DEFAULT = 12, 13
_LEAST, _MOST = "ssl_min_protocol_version", "ssl_max_protocol_version"


@rule(
    "HBA007",
    "refused-value",
    Severity.ERROR,
    "a setting has a value that PostgreSQL would not take",
    why="At a reload the server goes on with the value that it had, says so in its log alone and "
    "takes what else changed, so that half of a change is in force. It does not come up at its "
    "next start.",
    bad=Example(conf="ssl = maybe\nssl_min_protocol_version = 'TLSv9'"),
    good=Example(conf="ssl = on\nssl_min_protocol_version = 'TLSv1.3'"),
)
def refused(subject: Subject) -> Found:
    """Look at what counts of each setting of logins, TLS and the log."""
    version = subject.able.version
    for each, found in _counting(subject):
        wanted = parameters.refusal(found.key, found.value, version)
        if wanted is not None:
            said = f"PostgreSQL {version} takes no {found.key} = {found.value!r}"
            yield each.place, f"{said}: it is {wanted}"


@rule(
    "HBA008",
    "no-tls-version-left",
    Severity.ERROR,
    "the oldest version of TLS that the server speaks is newer than the newest",
    why="PostgreSQL 12 starts, and then ends each TLS connection at its first message. From 13 on "
    "a reload keeps the TLS that was there, with a word in the log alone, and the server does not "
    "come up at its next start.",
    bad=Example(
        conf="ssl = on\nssl_min_protocol_version = 'TLSv1.3'\nssl_max_protocol_version = 'TLSv1.2'"
    ),
    good=Example(
        conf="ssl = on\nssl_min_protocol_version = 'TLSv1.2'\nssl_max_protocol_version = ''"
    ),
)
def no_version_left(subject: Subject) -> Found:
    """Compare ssl_min_protocol_version with ssl_max_protocol_version where TLS is on."""
    version = subject.able.version
    if version < _FIRST_WITH_RANGE or not is_on(subject.setting("ssl", "off")):
        return
    usual = "TLSv1.2" if version >= _FIRST_WITH_SAFE_DEFAULT else "TLSv1"
    least, most = subject.setting(_LEAST, usual), subject.setting(_MOST, "")
    order = [each.lower() for each in parameters.PROTOCOLS]
    if least.lower() not in order or most.lower() not in order:
        return
    if order.index(least.lower()) > order.index(most.lower()):
        found = subject.placed_setting(_LEAST) or subject.placed_setting(_MOST)
        where = None if found is None else found.place
        yield where, f"{_LEAST} is {least}, and {_MOST} is {most}"


RULES = (refused, no_version_left)


def _counting(subject: Subject) -> Iterator[tuple[PlacedSetting, Setting]]:
    """Yield the last of each name in the files: no other is looked at.

    What the server was started with hides it, and does not make it right.
    """
    last: dict[str, tuple[PlacedSetting, Setting]] = {}
    for each in subject.settings or ():
        if each.setting is not None and each.place.path.rpartition("/")[2] != _OPTIONS_FILE:
            last[each.setting.key] = each, each.setting
    yield from last.values()
