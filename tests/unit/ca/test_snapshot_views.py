"""What a view tells after any changes is what a new one would tell, and edges read it so."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.ca import snapshot_builder as builder
from pgward.ca.authority import Trust
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.snapshot_builder import State
from pgward.ca.snapshot_grants import Packed
from pgward.ca.snapshot_views import View
from pgward.pki.snapshot_parts import NO_TAG
from pgward.tunnel.edge.parts import PartBook
from pgward.tunnel.edge.state import EdgeState
from tests.fixtures.authority import START
from tests.fixtures.aware_services import aware
from tests.fixtures.ca_service import service
from tests.fixtures.granting import packed, person
from tests.fixtures.pki import TestCa

ROOT = TestCa.root()
ISSUING = ROOT.sub()
TRUST = Trust("Acme", (ROOT.certificate,), (ISSUING.certificate,), (ROOT.certificate,))
CRLS = [ROOT.crl(), ISSUING.crl()]
PEOPLE = ("ann", "bob", "carol")
NAMES = ("shop", "wiki", "desk")
HOUR = START + timedelta(hours=1)


def spec(name: str, group: str) -> ServiceSpec:
    make = service if name == "desk" else aware
    return ServiceSpec.model_validate(make(allow={"groups": [group], "users": ["ann"]})["spec"])


def state(version=1, services=(("shop", "dba"), ("wiki", "night"), ("desk", "dba")), **more):
    return State(
        **{
            "version": version,
            "services": [(name, spec(name, group)) for name, group in services],
            "groups": {"dba": ["bob"], "night": ["carol", "bob"], "other": ["ann"]},
            "names": {name: name for name in PEOPLE},
            "blocked": [],
            "crls": CRLS,
            "trust": TRUST,
            "configuration": 1,
        }
        | more
    )


def grants(**people: int) -> Packed:
    """Return what these have, each until so many hours from now."""
    found = {
        name: person((START + timedelta(hours=hours), ["reading"]))
        for name, hours in people.items()
    }
    return Packed(packed(found), frozenset(found))


def view_of(state: State) -> View:
    return View(state, builder.serves(state, "e1"))


def update(view: View, state: State) -> None:
    view.update(state, lambda: builder.serves(state, "e1"))


def contents(view: View) -> dict:
    return {key: part.text for key, part in view._parts.items()}


class Edge:
    """Keeps what it is told, as an edge does."""

    def __init__(self):
        self.book, self.after, self.tag = PartBook(), 0, NO_TAG

    def hear(self, view: View) -> tuple[EdgeState, int]:
        payload = json.loads(json.dumps(view.payload("e1", START)))
        parts = view.lacking(self.after, self.tag)
        found = self.book.load(payload, parts)
        self.after, self.tag = found.version, payload["tag"]
        return found, len(parts)


def test_an_edge_reads_from_parts_what_it_would_read_from_the_whole():
    now = state(grants={"shop": grants(ann=1, dave=2), "desk": grants(bob=1), "gone": grants()})
    found, _ = Edge().hear(view_of(now))
    payload = json.loads(json.dumps(builder.build(now, "e1", now=START)))
    assert found == EdgeState.load(payload)
    assert found.people == {
        "ann": ("other",),
        "bob": ("dba", "night"),
        "carol": ("night",),
        "dave": (),
    }


def test_one_new_grant_is_two_parts_at_most():
    first = state()
    view, edge = view_of(first), Edge()
    before, all_parts = edge.hear(view)
    assert all_parts > 5
    update(view, replace(first, version=2, grants={"shop": grants(ann=1)}))
    after, parts = edge.hear(view)
    assert parts == 1  # ann is there already, who may always use it
    assert (after.version, after.services["shop"].granted("ann", START).until) == (2, HOUR)
    assert after.services["wiki"] is before.services["wiki"]
    update(view, replace(first, version=3, grants={"shop": grants(dave=1)}))
    after, parts = edge.hear(view)
    assert (parts, after.people["dave"]) == (2, ())


def test_what_is_nobodys_of_these_services_changes_nothing():
    first = state()
    view = view_of(first)
    tag = view.tag("e1")
    update(view, replace(first, version=2, grants={"elsewhere": grants(ann=1)}))
    assert (view.tag("e1"), view.is_urgent(1)) == (tag, False)
    assert view.payload("e1", START)["version"] == 2


def test_another_configuration_is_told_even_where_it_says_the_same():
    """A rotation's orders are for those that have its version."""
    first = state()
    view, edge = view_of(first), Edge()
    edge.hear(view)
    tag = view.tag("e1")
    update(view, state(version=2, configuration=2))
    assert (view.tag("e1") != tag, view.is_urgent(1), view.is_urgent(2)) == (True, True, False)
    assert view.lacking(edge.after, edge.tag) == {}


def test_reading_all_again_changes_nothing_by_itself():
    view = view_of(state())
    tag = view.tag("e1")
    update(view, state(version=2))
    assert (view.tag("e1"), view.is_urgent(1)) == (tag, False)


def test_less_is_urgent_and_more_is_not():
    first = state(grants={"shop": grants(ann=1)})
    view = view_of(first)
    update(view, replace(first, version=2, grants={"shop": grants(ann=2)}))
    assert not view.is_urgent(1)
    update(view, replace(first, version=3, grants={"shop": grants()}, less={"shop": 3}))
    assert (view.is_urgent(2), view.is_urgent(3)) == (True, False)


def test_edges_are_told_apart():
    view = view_of(state())
    assert view.tag("e1") != view.tag("e2")
    assert view.payload("e2", START)["edge"] == "e2"


def test_an_edge_from_before_this_view_gets_everything():
    view = view_of(state(version=7))
    everything = view.lacking(0, NO_TAG)
    assert view.lacking(6, "ab" * 16) == everything
    assert view.lacking(9, NO_TAG) == everything
    assert view.lacking(7, "ab" * 16) == {}


HOURS = st.dictionaries(st.sampled_from([*PEOPLE, "dave"]), st.integers(1, 3))
STEPS = st.lists(
    st.one_of(
        st.dictionaries(st.sampled_from([*NAMES, "gone"]), HOURS),
        st.lists(
            st.tuples(st.sampled_from(NAMES), st.sampled_from(["dba", "night"])),
            unique_by=lambda it: it[0],
        ),
    ),
    max_size=5,
)


@settings(max_examples=30, deadline=None)
@given(STEPS, st.data())
def test_any_changes_lead_to_what_a_new_view_would_tell(steps, data):
    now = state()
    view, edges = view_of(now), [Edge(), Edge()]
    for version, step in enumerate(steps, 2):
        if isinstance(step, dict):
            given = {name: grants(**hours) for name, hours in step.items()}
            now = replace(now, version=version, grants={**now.grants, **given})
        else:
            now = state(version, step, configuration=version, grants=now.grants)
        update(view, now)
        fresh = view_of(now)
        assert contents(view) == contents(fresh)
        whole = EdgeState.load(json.loads(json.dumps(builder.build(now, "e1", now=START))))
        for edge in edges:
            if data.draw(st.booleans()):
                assert edge.hear(view)[0] == whole


@pytest.mark.parametrize("mode", ["tcp", "postgres"])
def test_a_step_up_of_one_is_one_part(mode):
    asked = ServiceSpec.model_validate((service if mode == "tcp" else aware)(stepUp={})["spec"])
    first = replace(state(), services=[("shop", asked), *state().services[1:]])
    view, edge = view_of(first), Edge()
    edge.hear(view)
    proofs = {"shop": {"ann": HOUR}}
    update(view, replace(first, version=2, services=list(first.services), proofs=proofs))
    found, parts = edge.hear(view)
    assert (parts, found.services["shop"].step_up.proofs) == (1, {"ann": HOUR})
