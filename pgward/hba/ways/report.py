"""What was found as rows of a table and as plain data, those of the same outcome together."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pgward.hba.ways import grouping
from pgward.hba.ways.finding import Channel, Found, Way
from pgward.hba.ways.grouping import Group
from pgward.hba.ways.population import Person, Place, Population, shown
from pgward.hba.ways.strength import Strength
from pgward.hba.ways.where import Places, Where

NO_WAY = "no way in"
SAME = "the same"
_MOST_SHOWN = 3


class Report:
    """``lines`` are where the rules stand, by their numbers."""

    def __init__(self, found: Found, lines: Sequence[str]) -> None:
        self._found = found
        self._lines = [shown(each) for each in lines]
        self._places = Places(found.space)

    def groups(self) -> Iterator[Group]:
        """Yield roles and databases that have the same outcome."""
        return grouping.groups(self._found)

    def rows(self) -> Iterator[dict[str, str]]:
        """Yield the rows of a table: of each channel its ways, the weakest first."""
        for channel in reversed(Channel):
            for row in grouping.rows(self._found, channel):
                yield {
                    "over": channel.value,
                    "roles": self.roles(row.people),
                    "databases": self.databases(row.places),
                    **self._cells(channel, *row.ends),
                }
        for people, places in grouping.closed(self._found):
            names = {"roles": self.roles(people), "databases": self.databases(places)}
            yield {"over": "-", **names, "weakest": NO_WAY, "strongest": "-"}

    def weaker(self, least: Strength) -> Iterator[str]:
        """Yield what is weaker over the network, one way a line."""
        for channel in reversed(Channel):
            for row in grouping.rows(self._found, channel) if channel.is_network else ():
                weak, _ = row.ends
                if weak.strength.rank < least.rank:
                    who = f"{self.roles(row.people)} into {self.databases(row.places)}"
                    yield f"{who} over the {channel.value}: {self.shown(channel, weak)}"

    def roles(self, people: Sequence[Person]) -> str:
        """Return roles on one line."""
        return roles(self._found.population, people)

    def databases(self, places: Sequence[Place]) -> str:
        """Return databases on one line."""
        return databases(self._found.population, places)

    def document(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {
            "strengths": {each.value: each.meaning for each in Strength},
            "ways": [
                {
                    "roles": [each.label for each in group.people],
                    "databases": [each.label for each in group.places],
                    "over": {
                        channel.value: {
                            "weakest": self._way(channel, weak),
                            "strongest": self._way(channel, strong),
                        }
                        for channel, (weak, strong) in group.outcome.ways.items()
                    },
                }
                for group in self.groups()
            ],
            "no_name_found_for": [shown(f"/{each}") for each in self._found.population.missed],
        }

    def shown(self, channel: Channel, way: Way) -> str:
        """Return a way in on one line: how, from where, by which lines."""
        where = self._where(channel, way)
        origin = "" if where is None else f" from {where}"
        first = self._lines[way.rules[0]]
        others = f" and {len(way.rules) - 1} more" if len(way.rules) > 1 else ""
        return f"{way.strength.value}{origin} ({first}{others})"

    def _cells(self, channel: Channel, weak: Way, strong: Way) -> Mapping[str, str]:
        same = weak.strength is strong.strength
        return {
            "weakest": self.shown(channel, weak),
            "strongest": SAME if same else self.shown(channel, strong),
        }

    def _way(self, channel: Channel, way: Way) -> Mapping[str, Any]:
        where = self._where(channel, way)
        from_ = {} if where is None else {"from": where.of, "but": where.but, "more": where.more}
        example = self._found.space.example(way.cells) if way.cells else None
        return {
            "strength": way.strength.value,
            "lines": [self._lines[each] for each in way.rules],
            **from_,
            "example": {
                "address": None if example is None else str(example),
                "encryption": way.encryption.value,
            },
        }

    def _where(self, channel: Channel, way: Way) -> Where | None:
        return None if channel is Channel.SOCKET else self._places.where(way.cells, way.hosts)


def roles(population: Population, people: Sequence[Person]) -> str:
    """Return some of a population's roles on one line."""
    if population.whole and len(people) == len(population.people):
        return "every role"
    return listed([each.label for each in people])


def databases(population: Population, places: Sequence[Place]) -> str:
    """Return some of a population's databases on one line."""
    known = sum(not each.is_replication for each in population.places)
    mine = [each for each in places if not each.is_replication]
    if population.whole and known and len(mine) == known:
        rest = [each.label for each in places if each.is_replication]
        return listed(["every database", *rest])
    return listed([each.label for each in places])


def listed(names: Sequence[str]) -> str:
    """Return names on one line, not too long."""
    if len(names) <= _MOST_SHOWN + 1:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_SHOWN])} and {len(names) - _MOST_SHOWN} more"
