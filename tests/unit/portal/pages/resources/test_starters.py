"""What new resources begin with."""

import pytest

from pgward.ca.resources import kinds
from pgward.ca.resources.fields import FieldsError
from pgward.portal.pages.resources import draft, starters

ALL = [(kind, like) for kind, found in starters.OF.items() for like in found]


def test_every_kind_has_one():
    assert starters.OF.keys() == kinds.KINDS.keys()
    assert starters.of("Service") == starters.of("Service", "postgres")
    assert starters.of("Service", "nothing") == starters.of("Service", "postgres")


@pytest.mark.parametrize(("kind", "like"), ALL)
def test_it_lacks_nothing_but_what_only_people_know(kind, like):
    found = draft.read(starters.of(kind, like))
    assert found.document is not None
    assert found.document.kind == kind
    with pytest.raises(FieldsError) as raised:
        kinds.read(kind, found.document.value)
    for each in raised.value.fields:
        assert "is not a field" not in each.message, each
        assert "is missing" not in each.message, each
