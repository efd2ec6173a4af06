"""What a change of the files means for who gets in, told before it is made."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pgward.core.errors import InvalidInputError, NotFoundError
from pgward.hba.decide.connection import World
from pgward.hba.decide.loading import Loaded, load
from pgward.hba.install.change import Edit
from pgward.hba.install.reading import View, hba_lines, ident_lines, values
from pgward.hba.server.datadir import DataDir
from pgward.hba.syntax.addresses import Word
from pgward.hba.syntax.files import FileProblemError
from pgward.hba.syntax.regexes import BeyondUsError
from pgward.hba.ways import population
from pgward.hba.ways.comparing import Comparison, Side, compare
from pgward.hba.ways.reaching import reach_of

_MOST_SHOWN = 12
_MOST_RULES = 5000


@dataclass(frozen=True, slots=True)
class Effect:
    """Who gains and who loses; or ``untold``, why that cannot be said."""

    comparison: Comparison | None
    untold: str | None = None

    def lines(self) -> list[str]:
        """Return it in words, none where nothing changes, and not too many."""
        if self.comparison is None:
            return [f"who gains or loses a way in cannot be told: {self.untold}"]
        found = list(self.comparison.lines())
        if len(found) > _MOST_SHOWN:
            left = len(found) - _MOST_SHOWN + 1
            found[_MOST_SHOWN - 1 :] = [f"and {left} more: -o json has them all"]
        return ["who gains or loses a way in:", *(f"  {line}" for line in found)] if found else []

    def document(self) -> dict[str, object]:
        """Return it as plain data."""
        if self.comparison is None:
            return {"changes": None, "untold": self.untold}
        return {"changes": self.comparison.document(), "untold": None}


def effect_of(data_dir: DataDir, edits: Iterable[Edit]) -> Effect:
    """Compare the files as they are with what edits make of them; never fails."""
    instead = {edit.path: edit.after for edit in edits if edit.needed}
    try:
        return Effect(_compared(data_dir, View(data_dir.disk), View(data_dir.disk, instead)))
    except (InvalidInputError, NotFoundError, FileProblemError, BeyondUsError) as error:
        return Effect(None, str(error))


def _compared(data_dir: DataDir, old: View, new: View) -> Comparison:
    before, after = (_load(data_dir, view) for view in (old, new))
    rules = [*before.server.rules, *after.server.rules]
    if len(rules) > _MOST_RULES:
        raise BeyondUsError(f"there are more than {_MOST_RULES} rules, before and after")
    mappings = [*before.server.mappings, *after.server.mappings]
    needed = any(each.address in {Word.SAMEHOST, Word.SAMENET} for each in rules)
    world = World(interfaces=data_dir.access.interfaces() if needed else ())
    people = population.of_files(rules, mappings, data_dir.able, world)
    old_side, new_side = (
        Side(replace(each.server, world=people.world), reach_of(values(data_dir, view)))
        for each, view in ((before, old), (after, new))
    )
    return compare(old_side, new_side, people)


def _load(data_dir: DataDir, view: View) -> Loaded:
    return load(hba_lines(data_dir, view), ident_lines(data_dir, view), data_dir.able, World())
