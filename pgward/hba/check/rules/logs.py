"""What the server's log has: who logged in, and what it must never have."""

from pgward.hba.check import fixing
from pgward.hba.check.finding import Severity
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.check.values import FIRST_WITH_STAGES, lacking_stages, stages

_OTHERS = frozenset({"receipt", "authentication", "authorization", "setup_durations"})
_DDL = frozenset({"ddl", "mod", "all"})


@rule(
    "HBA050",
    "logins-not-logged",
    Severity.NOTE,
    "the log does not say who logged in",
    why="Without log_connections nobody can tell afterwards who was in, from where, and by which "
    "line of pg_hba.conf. From 18 on it is a list: authentication says by which line and with "
    "which name from outside, authorization as which role and to which database.",
    bad=Example(conf="port = 5432"),
    good=Example(conf="log_connections = on"),
    fix="sets it to on, or adds the stages that it lacks, unless ALTER SYSTEM or the start of the "
    "server says otherwise: more is logged, and nothing else changes",
)
def logins(subject: Subject) -> Found:
    """Look at log_connections, which is a list of stages from version 18 on."""
    if subject.settings is None:
        return
    value = subject.setting("log_connections", "")
    lacking = lacking_stages(value, subject.able.version)
    if not lacking:
        return
    found = subject.placed_setting("log_connections")
    said = "log_connections is off" if found is None else f"log_connections is {value!r}"
    kept = [each for each in stages(value) if each in _OTHERS]
    if subject.able.version >= FIRST_WITH_STAGES and kept:
        said += f", without {' and '.join(lacking)}"
        wanted = f"'{','.join([*kept, *lacking])}'"
    else:
        wanted = "on"
    fix = fixing.of_setting(subject, "log_connections", wanted)
    yield None if found is None else found.place, said, fix


@rule(
    "HBA051",
    "passwords-in-the-log",
    Severity.WARNING,
    "statements that set passwords are written to the log",
    why="ALTER ROLE … PASSWORD '…' stands in the log as it was sent, and whoever reads or ships "
    "logs reads it. psql's \\password sends a hash instead; other programs may not.",
    bad=Example(conf="log_statement = 'ddl'"),
    good=Example(conf="log_statement = 'none'\nlog_min_duration_statement = 1000"),
)
def passwords(subject: Subject) -> Found:
    """Look for settings that write every statement of that kind."""
    statement = subject.placed_setting("log_statement")
    if statement is not None and subject.setting("log_statement", "none").lower() in _DDL:
        value = subject.setting("log_statement", "none")
        yield statement.place, f"log_statement is {value}"
    for name in ("log_min_duration_statement", "log_min_duration_sample"):
        found = subject.placed_setting(name)
        if found is not None and subject.setting(name, "-1").strip() in {"0", "0ms", "0s"}:
            yield found.place, f"{name} is 0, so every statement is written"


RULES = (logins, passwords)
