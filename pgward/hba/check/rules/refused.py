"""Lines that PostgreSQL would not take: it goes on with what it had, and only its log tells."""

from collections.abc import Iterator
from itertools import pairwise

from pgward.hba.check.finding import Severity
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.syntax import tokens
from pgward.hba.syntax.files import Place
from pgward.hba.syntax.rules import kinds
from pgward.hba.syntax.tokens import Line
from pgward.hba.syntax.versions import NEWEST, OLDEST

# Of logins and TLS: the first version that knows a setting, and the last.
_KNOWN = {
    "ssl_min_protocol_version": (12, NEWEST),
    "ssl_max_protocol_version": (12, NEWEST),
    "ssl_crl_dir": (14, NEWEST),
    "scram_iterations": (16, NEWEST),
    "gss_accept_delegation": (16, NEWEST),
    "db_user_namespace": (OLDEST, 16),
    "ssl_groups": (18, NEWEST),
    "ssl_tls13_ciphers": (18, NEWEST),
    "oauth_validator_libraries": (18, NEWEST),
    "md5_password_warnings": (18, NEWEST),
}
_WHY = (
    "One such line, and a reload changes nothing at all: the server goes on with the file that it "
    "had, and says so in its log alone. At the next start it does not come up."
)


@rule(
    "HBA001",
    "refused-hba-line",
    Severity.ERROR,
    "PostgreSQL would not take a line of pg_hba.conf",
    why=_WHY,
    bad=Example("host all all 10.0.0.0/33 md5"),
    good=Example("hostssl all all 10.0.0.0/8 scram-sha-256"),
)
def hba_line(subject: Subject) -> Found:
    """Yield what the parser of rules refused."""
    for problem in subject.hba_problems:
        yield problem.place, problem.message
    if not subject.hba_problems and not subject.rules:
        yield None, "pg_hba.conf has no line that says anything, and PostgreSQL takes no such file"


@rule(
    "HBA002",
    "refused-ident-line",
    Severity.ERROR,
    "PostgreSQL would not take a line of pg_ident.conf",
    why=_WHY,
    bad=Example("local all all peer map=m", ident="m root"),
    good=Example("local all all peer map=m", ident="m root ann"),
)
def ident_line(subject: Subject) -> Found:
    """Yield what the parser of mappings refused."""
    for problem in subject.ident_problems:
        yield problem.place, problem.message


@rule(
    "HBA003",
    "refused-setting",
    Severity.ERROR,
    "PostgreSQL would not take a line of postgresql.conf",
    why=_WHY,
    bad=Example(conf="ssl = on on"),
    good=Example(conf="ssl = on"),
)
def setting(subject: Subject) -> Found:
    """Yield what the parser of settings refused."""
    for each in subject.settings or ():
        if each.problem is not None:
            yield each.place, each.problem


@rule(
    "HBA004",
    "setting-of-another-version",
    Severity.ERROR,
    "a setting is one that this version of PostgreSQL does not know",
    why="At a reload the server changes nothing at all and says so in its log alone; it does not "
    "come up at its next start. Mostly the file came from a newer server, or outlived an upgrade.",
    bad=Example(conf="ssl_min_protocol_version = 'TLSv1.2'", version=11),
    good=Example(conf="ssl_min_protocol_version = 'TLSv1.2'", version=12),
)
def another_version(subject: Subject) -> Found:
    """Look for settings of logins and TLS that came or went."""
    version = subject.able.version
    for each in subject.settings or ():
        found = each.setting
        if found is None:
            continue
        since, until = _KNOWN.get(found.key, (OLDEST, NEWEST))
        if version < since:
            yield each.place, f"PostgreSQL {version} knows no {found.key}: it came with {since}"
        elif version > until:
            yield each.place, f"PostgreSQL {version} knows no {found.key}: it went with {until + 1}"


@rule(
    "HBA005",
    "oauth-without-validator",
    Severity.ERROR,
    "a line is for oauth, and no library is there that validates its tokens",
    why="PostgreSQL has none of its own, and without oauth_validator_libraries refuses such a "
    f"line, and with it the file. {_WHY}",
    bad=Example(
        'host all all all oauth issuer="https://x" scope="y"',
        conf="# oauth_validator_libraries is not set",
        version=18,
    ),
    good=Example(
        'host all all all oauth issuer="https://x" scope="y"',
        conf="oauth_validator_libraries = 'validator'",
        version=18,
    ),
)
def without_validator(subject: Subject) -> Found:
    """Look for lines with oauth where the setting is empty."""
    if subject.settings is None or subject.setting("oauth_validator_libraries", "").strip():
        return
    for entry in subject.rules:
        if entry.says.method == "oauth":
            yield entry.place, "would be refused: oauth_validator_libraries is not set"


@rule(
    "HBA006",
    "line-in-a-comment",
    Severity.ERROR,
    "a comment that ends with a backslash goes on, and a line is a part of it",
    why="From version 14 on a backslash at the end continues a line, comments too. The line below "
    "reads as if it counted, and does not: whom it keeps out gets in, or the reverse.",
    bad=Example("# was C:\\certs\\\nhostssl all all 10.0.0.0/8 reject\nlocal all all peer"),
    good=Example("# was C:\\certs\\ once\nhostssl all all 10.0.0.0/8 reject\nlocal all all peer"),
)
def in_a_comment(subject: Subject) -> Found:
    """Look at what continues a comment and begins as a line of pg_hba.conf does."""
    if not subject.able.continuation:
        return
    for path in dict.fromkeys(each.path for each in subject.hba):
        data = subject.texts.get(path, b"")
        if b"#" not in data or b"\\" not in data:
            continue
        for line in tokens.parse(data):
            for number, text in _in_comment(line):
                words = tokens.fields(text)
                if words and words[0][0].text in kinds(subject.able):
                    place = Place(path, number)
                    yield place, "is a part of the comment above, which ends with a backslash"


def _in_comment(line: Line) -> Iterator[tuple[int, str]]:
    """Yield the numbers and texts of what continues a line within its comment."""
    comment = tokens.comment(line.text) if line.starts else None
    if comment is None:
        return
    begins = len(line.text) - len(comment)
    for below, (start, end) in enumerate(pairwise((*line.starts, len(line.text))), 1):
        if start > begins:
            yield line.number + below, line.text[start:end]


RULES = (hba_line, ident_line, setting, another_version, without_validator, in_a_comment)
