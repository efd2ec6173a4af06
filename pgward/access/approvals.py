"""Who says yes: what a flow demands, with owners put in, and whether it is fulfilled.

All demands must be fulfilled, each by so many different people, and each person's yes counts for
one demand only: "an owner and a DBA" are two people, even where one of them is both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pgward.access.people import People, Person


@dataclass(frozen=True, slots=True)
class Approval:
    """One entry of a flow's approvals: people, and whose ownership makes them such."""

    people: People = field(default_factory=People)
    integration_owner: bool = False
    resource_owner: bool = False
    count: int = 1


@dataclass(frozen=True, slots=True)
class Demand:
    """So many of these people."""

    people: People
    count: int = 1


def demands(
    approvals: Iterable[Approval], owner: People, owners: Sequence[People]
) -> tuple[Demand, ...]:
    """Return what must be fulfilled: for each owner of what is asked for, there is one.

    ``owner`` is the integration's, who is also asked where a resource has none; ``owners`` are
    those of the resources, an empty one for what nobody owns.
    """
    found: list[Demand] = []
    for each in approvals:
        base = each.people | owner if each.integration_owner else each.people
        if not each.resource_owner:
            found.append(Demand(base, each.count))
            continue
        several = dict.fromkeys(one or owner for one in owners) or {owner: None}
        found += [Demand(base | one, each.count) for one in several]
    return tuple(found)


def is_unanswerable(needed: Iterable[Demand]) -> bool:
    """Tell whether a demand names nobody at all."""
    return any(not each.people for each in needed)


def may_decide(needed: Iterable[Demand], asker: str, person: Person) -> bool:
    """Tell whether a person may say yes or no: never whoever asks."""
    return not person.is_called(asker) and any(each.people.names(person) for each in needed)


def are_fulfilled(needed: Sequence[Demand], asker: str, said_yes: Iterable[Person]) -> bool:
    """Tell whether these people's yes fulfils every demand.

    ``said_yes`` are those who are still there, each with the groups of now. Finds a matching of
    people and places (augmenting paths), so that no order of approvals shuts a good one out.
    """
    people = {each.name.lower(): each for each in said_yes if not each.is_called(asker)}
    places = [each.people for each in needed for _ in range(each.count)]
    if len(places) > len(people):
        return False
    taken: dict[str, int] = {}
    return all(_seat(place, places, people, taken, set()) for place in range(len(places)))


def _seat(
    place: int,
    places: Sequence[People],
    people: dict[str, Person],
    taken: dict[str, int],
    tried: set[str],
) -> bool:
    """Find somebody for a place, moving others to another one where that helps."""
    for name, person in people.items():
        if name in tried or not places[place].names(person):
            continue
        tried.add(name)
        if name not in taken or _seat(taken[name], places, people, taken, tried):
            taken[name] = place
            return True
    return False
