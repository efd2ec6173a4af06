import pytest
from pydantic import ValidationError

from pgward.ca.reviews.starting import Filters
from pgward.ca.service.review_models import StartBody
from pgward.core.errors import InvalidInputError


def test_filters():
    body = StartBody(name="q4", paths=["allow", "grant", "allow"], owner="team-shop", people=True)
    assert body.filters() == Filters(owner="team-shop", paths=("allow", "grant"), people=True)
    assert body.filters().to_json() == {
        "owner": "team-shop",
        "paths": ["allow", "grant"],
        "people": True,
    }
    assert (body.checked_name(), body.days) == ("q4", 14)


@pytest.mark.parametrize("wrong", [{"days": 0}, {"paths": ["none"]}, {"name": "x" * 51}, {"a": 1}])
def test_what_is_refused(wrong):
    with pytest.raises(ValidationError):
        StartBody(**({"name": "q4"} | wrong))


def test_a_name_that_is_none():
    with pytest.raises(InvalidInputError, match="review's name"):
        StartBody(name="a b").checked_name()
