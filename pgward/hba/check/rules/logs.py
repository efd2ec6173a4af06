"""What the server's log has: who logged in, and what it must never have."""

from pgward.hba.check import fixing
from pgward.hba.check.finding import Severity
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.check.values import is_on

_FIRST_WITH_STAGES = 18
_STAGES = frozenset({"authentication", "all"})
_DDL = frozenset({"ddl", "mod", "all"})


@rule(
    "HBA050",
    "logins-not-logged",
    Severity.NOTE,
    "the log does not say who logged in",
    why="Without log_connections nobody can tell afterwards who was in, from where, and by which "
    "line of pg_hba.conf.",
    bad=Example(conf="port = 5432"),
    good=Example(conf="log_connections = on"),
    fix="sets it to on (or all), unless ALTER SYSTEM or the start of the server says otherwise: "
    "more is logged, and nothing else changes",
)
def logins(subject: Subject) -> Found:
    """Look at log_connections, which is a list of stages from version 18 on."""
    if subject.settings is None:
        return
    value = subject.setting("log_connections", "")
    stages = {each.strip().lower() for each in value.split(",")}
    staged = subject.able.version >= _FIRST_WITH_STAGES and bool(stages & _STAGES)
    if not (is_on(value) or staged):
        found = subject.placed_setting("log_connections")
        said = "log_connections is off" if found is None else f"log_connections is {value!r}"
        # On leaves the durations of the set-up out.
        wanted = "'all'" if _has_durations(stages, subject.able.version) else "on"
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


def _has_durations(stages: set[str], version: int) -> bool:
    return version >= _FIRST_WITH_STAGES and "setup_durations" in stages


RULES = (logins, passwords)
