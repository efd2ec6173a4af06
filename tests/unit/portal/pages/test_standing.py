"""How a database stands for who looks, in a word."""

from types import SimpleNamespace

import pytest

from pgward.portal.pages import standing


@pytest.mark.parametrize(
    ("edges", "access", "word", "silent"),
    [
        ((), None, "no edge leads there", False),
        ((False,), None, "may be away", True),
        ((False, True), None, "open to you", False),
        ((True,), "a grant", "on request", False),
    ],
)
def test_a_service_without_rules_stands_by_its_edges(edges, access, word, silent):
    service = SimpleNamespace(
        mode="tcp",
        edges=[SimpleNamespace(online=each) for each in edges],
        access=access,
        health="unknown",
    )
    found = standing.of(None, service)
    assert (found.word, found.silent, found.blocked) == (word, silent, None)
