"""What only CockroachDB or YugabyteDB does: lines of its own, and words that look like more."""

from collections.abc import Iterator

from pgward.hba.check.finding import Severity
from pgward.hba.check.reached import Way, ways
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.check.wording import lets
from pgward.hba.decide.cockroach_maps import is_reserved
from pgward.hba.syntax import cockroach, yugabyte
from pgward.hba.syntax.dialects import Flags
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.rules import LOCAL
from pgward.hba.syntax.versions import Dialect

_COCKROACH = Dialect.COCKROACHDB
_YUGABYTE = Dialect.YUGABYTEDB
_CERT = "hostssl all all 10.0.0.0/8 cert"
_ROOT = "host all root 127.0.0.1/32 cert-password"


@rule(
    "HBA100",
    "root-before-all-lines",
    Severity.NOTE,
    "CockroachDB puts a line before all others that lets root in from everywhere",
    why="`host all root all cert-password` is built in, so no line below can keep root out: with a "
    "certificate for root, or with root's password if one was set. Newer releases take a first "
    "line of the same kind for 127.0.0.1/32 instead, and let root be turned off altogether.",
    bad=Example(f"host all root all reject\n{_CERT}", dialect=_COCKROACH),
    good=Example(f"{_ROOT}\n{_CERT}", dialect=_COCKROACH),
)
def root_first(subject: Subject) -> Found:
    """Look for the built-in line before others that stand there."""
    paths = [each.path for each in subject.hba]
    if subject.able.dialect is _COCKROACH and paths[:1] == [cockroach.OWN] != paths[-1:]:
        yield None, "lets root in from everywhere by cert-password, before any line of yours"


@rule(
    "HBA101",
    "built-in-default",
    Severity.WARNING,
    "the setting is empty, and CockroachDB's own lines let everyone in with a password",
    why="Without a configuration a certificate or a password is enough, from every address. That "
    "is meant for a start; where people have certificates, say so by lines.",
    bad=Example("", dialect=_COCKROACH),
    good=Example(f"{_ROOT}\n{_CERT}", dialect=_COCKROACH),
)
def default(subject: Subject) -> Found:
    """Look for files in which nothing stands."""
    if subject.able.dialect is _COCKROACH and cockroach.is_default(subject.hba):
        yield None, f"{cockroach.SETTING} is empty: everyone gets in by certificate or password"


@rule(
    "HBA102",
    "option-that-does-nothing",
    Severity.ERROR,
    "an option stands where CockroachDB looks at none",
    why="Behind cert and cert-password it takes whatever is written, and looks at map alone, and "
    "at that only where it stands there once. A line with clientcert=verify-full that was brought "
    "from PostgreSQL reads as if it asked for a certificate, and takes passwords.",
    bad=Example("hostssl all all all cert-password clientcert=verify-full", dialect=_COCKROACH),
    good=Example("hostssl all all all cert", dialect=_COCKROACH),
)
def idle_option(subject: Subject) -> Found:
    """Look for options that are taken, and do nothing."""
    if subject.able.dialect is not _COCKROACH:
        return
    for entry in subject.rules:
        for field, token, why in cockroach.idle_options(entry.line.fields, subject.able):
            yield entry.line.at(BadLineError("", field, token)), why


@rule(
    "HBA103",
    "method-that-its-line-cannot-use",
    Severity.ERROR,
    "a line is for connections over which its method cannot be used",
    why="CockroachDB takes the line, and refuses whoever it decides about: cert and gss need TLS, "
    "peer needs the Unix socket. Nobody gets in, and no line below is tried.",
    bad=Example("hostnossl all all all cert", dialect=_COCKROACH),
    good=Example(_CERT, dialect=_COCKROACH),
)
def unusable_method(subject: Subject) -> Found:
    """Look for kinds of lines that never go with a method."""
    able = subject.able
    for entry in subject.rules:
        kind, method = entry.says.kind, entry.says.method
        local, tls = kind == LOCAL, kind in {"host", "hostssl"}
        if not able.usable(method, local=local, tls=tls):
            yield entry.place, f"lets nobody in: {method} cannot be used in {kind} lines"


@rule(
    "HBA104",
    "map-to-reserved-role",
    Severity.ERROR,
    "a map leads to a role that no map may lead to",
    why="CockroachDB looks at all lines of a map: where one leads a name to root, node, public, "
    "none, pg_… or crdb_internal_…, whoever has that name does not get in as anybody.",
    bad=Example("host all all all cert map=m", "m ann ann\nm ann root", dialect=_COCKROACH),
    good=Example("host all all all cert map=m", "m ann ann\nm ann admin_ann", dialect=_COCKROACH),
)
def reserved_role(subject: Subject) -> Found:
    """Look for roles that are reserved."""
    if subject.able.dialect is not _COCKROACH:
        return
    for entry in subject.mappings:
        if is_reserved(subject.able.folded(entry.says.role.text)):
            said = f"whoever {entry.says.map} takes for {entry.says.system.text} gets in as nobody"
            yield entry.line.at(BadLineError("", 2)), said


@rule(
    "HBA110",
    "added-line-that-trusts",
    Severity.ERROR,
    "behind the lines of the flag yb-tserver adds one that asks for no proof",
    why="Without --ysql_enable_auth it adds `host all all all trust` where there is no line at "
    "all, and `hostssl all all all trust` wherever TLS is on: whom no line above means is "
    "whichever role they say. A last line that rejects all others keeps them out.",
    bad=Example(
        "host all all 10.0.0.0/8 md5", dialect=_YUGABYTE, version=15, flags=Flags(encryption=True)
    ),
    good=Example(
        "host all all 10.0.0.0/8 md5,host all all all reject",
        dialect=_YUGABYTE,
        version=15,
        flags=Flags(encryption=True),
    ),
)
def added_trust(subject: Subject) -> Found:
    """Look for added lines that are reached, and trust."""
    for way in _added(subject):
        if way.rule.method == "trust":
            yield None, f"an added line {lets(way.rule)}"


@rule(
    "HBA111",
    "added-line-with-a-password",
    Severity.NOTE,
    "behind the lines of the flag yb-tserver adds one that lets everyone in with a password",
    why="With --ysql_enable_auth whom no line above means is asked for a password, from every "
    "address. Where lines above ask for certificates, that is a way past them; a last line that "
    "rejects all others closes it.",
    bad=Example(
        "hostssl all all 10.0.0.0/8 cert",
        dialect=_YUGABYTE,
        version=15,
        flags=Flags(enable_auth=True),
    ),
    good=Example(
        "hostssl all all 10.0.0.0/8 cert,host all all all reject",
        dialect=_YUGABYTE,
        version=15,
        flags=Flags(enable_auth=True),
    ),
)
def added_password(subject: Subject) -> Found:
    """Look for added lines that are reached, and ask for a password."""
    for way in _added(subject):
        if way.rule.method != "trust":
            yield None, f"an added line {lets(way.rule)}"


def _added(subject: Subject) -> Iterator[Way]:
    for way in ways(subject) if subject.able.dialect is _YUGABYTE else ():
        if way.place.path == yugabyte.ADDED and way.rule.kind != LOCAL:
            yield way


RULES = (
    root_first,
    default,
    idle_option,
    unusable_method,
    reserved_role,
    added_trust,
    added_password,
)
