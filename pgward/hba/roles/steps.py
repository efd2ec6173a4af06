"""Statements about roles, done all at once; and where the server refuses one, without that one.

What it refuses may be about one person alone: a role that somebody dropped just now, or a
membership that goes round in a circle. Nobody else waits for that, least of all who is to lose
something.
"""

from collections.abc import Callable, Iterable, Sequence

from pgward.hba.roles import statements
from pgward.hba.roles.console import RefusedError
from pgward.hba.roles.planning import Step

Run = Callable[[str], object]


def carry_out(run: Run, steps: Sequence[Step]) -> dict[str, str]:
    """Do all steps in one transaction, or else each in its own; return the roles left out, and why.

    Raises PgwardError when the server cannot be asked.
    """
    if not steps:
        return {}
    try:
        run(_script(steps))
    except RefusedError as error:
        if len(steps) == 1:
            return {steps[0].role: error.message}
        return {role: why for step in steps for role, why in carry_out(run, [step]).items()}
    return {}


def _script(steps: Iterable[Step]) -> str:
    return statements.transaction([each for step in steps for each in step.statements])
