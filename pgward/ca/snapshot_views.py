"""What edges with the same services get, in parts: those stay the same where nothing changed.

Edges that serve the same share a *view*. Where grants alone have changed, it looks at the services
whose grants were read again; else it is made anew, and keeps each part that came out the same.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pgward.ca import snapshot_builder as builder
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.snapshot_builder import State
from pgward.pki import snapshot_parts
from pgward.pki.snapshot_parts import NO_TAG, bucket_of, bucketed

_LISTS: Final = "lists"
Served = list[tuple[str, ServiceSpec]]
Contents = dict[tuple[str, str], dict[str, Any]]
"""By section and bucket."""


@dataclass(frozen=True, slots=True)
class Part:
    """A text that edges fetch; those that have the version ``since`` or a later one have it."""

    text: str
    digest: str
    since: int

    @classmethod
    def of(cls, content: Mapping[str, Any], since: int, former: "Part | None") -> "Part":
        """Pack what it says; the former one if that says the same."""
        text = snapshot_parts.pack(content)
        if former is not None and former.text == text:
            return former
        return cls(text, snapshot_parts.digest(text), since)


class View:
    """One set of services; not safe to use from several threads at once."""

    def __init__(self, state: State, served: Served) -> None:
        self._born = state.version
        self._less = state.version
        self._parts: dict[tuple[str, str], Part] = {}
        self._make(state, served)

    def update(self, state: State, served: Callable[[], Served]) -> None:
        """Take up a newer state."""
        before = self._state
        if state is before:
            return
        if state.configuration != before.configuration:
            self._less = state.version  # for all that is known here, somebody has less
        if state.services is before.services:
            self._take_up(state, before)
        else:
            self._make(state, served())

    def is_urgent(self, after: int) -> bool:
        """Tell whether somebody may have less than in a version that an edge has."""
        return after < self._less

    def tag(self, edge: str) -> str:
        """Return what tells what an edge gets from others; the time alone makes no other."""
        found = self._tags.get(edge)
        if found is None:
            named = [self._heading(edge), self._state.configuration, self._digests]
            found = self._tags[edge] = snapshot_parts.tag(named)
        return found

    def payload(self, edge: str, now: datetime) -> dict[str, Any]:
        """Return what is signed: the digests of the parts, and what stands beside them."""
        head = builder.dated(self._state, now) | self._heading(edge)
        return {**head, "tag": self.tag(edge), "parts": self._digests}

    def lacking(self, after: int, tag: str) -> dict[str, str]:
        """Return the parts, by digest, that an edge may lack that has ``after`` with ``tag``."""
        whole = tag == NO_TAG or after < self._born
        return {
            each.digest: each.text for each in self._parts.values() if whole or each.since > after
        }

    def _heading(self, edge: str) -> dict[str, Any]:
        """Return what grants alone do not change."""
        found = self._headings.get(edge)
        if found is None:
            found = builder.heading(self._state, edge, self._served)
            self._headings[edge] = found
        return found

    def _name_parts(self) -> None:
        self._digests: dict[str, dict[str, str]] = {}
        for (section, bucket), part in sorted(self._parts.items()):
            self._digests.setdefault(section, {})[bucket] = part.digest
        self._tags: dict[str, str] = {}

    def _make(self, state: State, served: Served) -> None:
        self._state, self._served = state, served
        self._headings: dict[str, dict[str, Any]] = {}
        self._standing = builder.with_standing(state, served)
        self._groups = builder.groups_by_person(state)
        self._speaking = [name for name, _ in builder.speaking(served)]
        contents = {
            (section, bucket): content
            for section, values in builder.sections(state, served).items()
            for bucket, content in bucketed(values).items()
        }
        self._people = {key[1]: value for key, value in contents.items() if key[0] == "people"}
        contents[_LISTS, ""] = builder.lists(state)
        former, self._parts = self._parts, {}
        for key, content in contents.items():
            self._parts[key] = Part.of(content, state.version, former.get(key))
        self._name_parts()

    def _take_up(self, state: State, before: State) -> None:
        names = [name for name, _ in self._served]
        changed = [name for name in names if state.grants.get(name) is not before.grants.get(name)]
        self._state = state
        if not changed:
            return
        self._less = max([self._less, *(state.less.get(name, 0) for name in changed)])
        buckets = {bucket_of(name) for name in changed}
        found: Contents = {("grants", bucket): {} for bucket in buckets}
        for name in names:
            if name in state.grants and bucket_of(name) in buckets:
                found["grants", bucket_of(name)][name] = state.grants[name].text
        speaking = [name for name in changed if name in self._speaking]
        self._replace(found | self._changed_people(_others(state, before, speaking)))

    def _changed_people(self, names: Iterable[str]) -> Contents:
        found: Contents = {}
        for name in names:
            bucket = bucket_of(name)
            content = found.setdefault(("people", bucket), dict(self._people.get(bucket, {})))
            content.pop(name, None)
            if name in self._standing or self._has_grant(name):
                content[name] = builder.person(self._groups.get(name, ()))
        for (_, bucket), content in found.items():
            self._people[bucket] = found["people", bucket] = dict(sorted(content.items()))
        return found

    def _has_grant(self, person: str) -> bool:
        grants = self._state.grants
        return any(person in grants[name].people for name in self._speaking if name in grants)

    def _replace(self, contents: Contents) -> None:
        for key, content in contents.items():
            if content:
                part = Part.of(content, self._state.version, self._parts.get(key))
                self._parts[key] = part
            else:
                self._parts.pop(key, None)
        self._name_parts()


def _others(state: State, before: State, services: Iterable[str]) -> set[str]:
    """Return who has grants on one of these services in one of the two states only."""
    found: set[str] = set()
    for name in services:
        ours, theirs = (
            each.grants[name].people if name in each.grants else frozenset[str]()
            for each in (state, before)
        )
        found |= ours ^ theirs
    return found
