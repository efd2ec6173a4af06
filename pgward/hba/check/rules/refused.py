"""Lines that PostgreSQL would not take: it goes on with what it had, and only its log tells."""

from pgward.hba.check.finding import Severity
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject

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


RULES = (hba_line, ident_line, setting)
