"""Roles and databases that have the same ways in, put together: a table of few rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgward.hba.ways.finding import Channel, Found, Outcome, Way
from pgward.hba.ways.population import Person, Place

_Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Roles and databases with the same outcome."""

    people: Sequence[Person]
    places: Sequence[Place]
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Row:
    """Roles and databases with the same ways in over a channel."""

    people: Sequence[Person]
    places: Sequence[Place]
    ends: tuple[Way, Way]


def groups(found: Found) -> Iterator[Group]:
    """Yield roles that have the same outcomes, and for them the databases that have."""
    for people, row in _alike(found):
        by_outcome: dict[int, list[Place]] = {}
        for place, number in zip(found.population.places, row, strict=True):
            by_outcome.setdefault(number, []).append(place)
        for number, places in by_outcome.items():
            yield Group(people, places, found.outcomes[number])


def rows(found: Found, channel: Channel) -> list[Row]:
    """Return who gets in over a channel and where to, the weakest ways first."""
    ends: dict[_Key, tuple[Way, Way]] = {}
    keys: dict[int, _Key] = {}
    for number, outcome in enumerate(found.outcomes):
        if channel in outcome.ways:
            keys[number] = _key(outcome.ways[channel])
            ends.setdefault(keys[number], outcome.ways[channel])
    same: dict[tuple[_Key, tuple[int, ...]], list[Person]] = {}
    for people, row in _alike(found):
        by_way: dict[_Key, list[int]] = {}
        for place, number in enumerate(row):
            if number in keys:
                by_way.setdefault(keys[number], []).append(place)
        for key, places in by_way.items():
            same.setdefault((key, tuple(places)), []).extend(people)
    order = {person: number for number, person in enumerate(found.population.people)}
    made = [
        Row(
            sorted(people, key=order.__getitem__),
            [found.population.places[each] for each in places],
            ends[key],
        )
        for (key, places), people in same.items()
    ]
    return sorted(made, key=lambda each: each.ends[0].strength.rank)


def closed(found: Found) -> list[tuple[list[Person], list[Place]]]:
    """Return who gets in nowhere and where to, over no channel at all."""
    same: dict[tuple[int, ...], list[Person]] = {}
    for people, row in _alike(found):
        places = tuple(n for n, number in enumerate(row) if not found.outcomes[number].ways)
        if places:
            same.setdefault(places, []).extend(people)
    return [
        (people, [found.population.places[each] for each in places])
        for places, people in same.items()
    ]


def _alike(found: Found) -> Iterator[tuple[list[Person], tuple[int, ...]]]:
    alike: dict[tuple[int, ...], list[Person]] = {}
    for person, row in zip(found.population.people, found.rows, strict=True):
        alike.setdefault(row, []).append(person)
    for row, people in alike.items():
        yield people, row


def _key(ends: tuple[Way, Way]) -> _Key:
    """Return what tells ways apart: all but the encryption that is their example."""
    return tuple((each.strength, each.rules, each.cells, each.hosts) for each in ends)
