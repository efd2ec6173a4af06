from contextlib import contextmanager

import pytest

from pgward.ca import observe


class Notes:
    """An observer that writes everything down."""

    def __init__(self):
        self.said = []

    def event(self, name, labels, count):
        self.said.append((name, dict(labels), count))

    @contextmanager
    def step(self, name, labels):
        self.said.append(("begin", name, dict(labels)))
        try:
            yield self
        except Exception as error:
            self.said.append(type(error).__name__)
            raise
        finally:
            self.said.append("end")

    def add(self, **labels):
        self.said.append(labels)


@pytest.fixture
def watching():
    ends = []

    def watch():
        notes = Notes()
        ends.append(observe.watch(notes))
        return notes

    yield watch
    for end in ends:
        end()


def test_nobody_need_watch():
    observe.event("x", kind="y")
    with observe.step("x") as step:
        step.add(status="200")


def test_one_is_told_until_the_end(watching):
    notes = watching()
    observe.event("issued", 3, kind="person")
    with observe.step("sign", what="crl") as step:
        step.add(more="1")
    begun = ("begin", "sign", {"what": "crl"})
    assert notes.said == [("issued", {"kind": "person"}, 3), begun, {"more": "1"}, "end"]


def fail():
    with observe.step("sign") as step:
        step.add(a="b")
        raise ValueError("no")


def test_several_are_told_and_failures_pass_through(watching):
    both = watching(), watching()
    with pytest.raises(ValueError, match="no"):
        fail()
    for notes in both:
        assert notes.said == [("begin", "sign", {}), {"a": "b"}, "ValueError", "end"]


def test_who_stops_watching_is_not_told():
    notes = Notes()
    observe.watch(notes)()
    observe.event("x")
    assert notes.said == []
