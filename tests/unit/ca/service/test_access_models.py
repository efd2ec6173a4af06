import pytest
from pydantic import ValidationError

from pgward.access.rights import ObjectRights
from pgward.ca.service.access_models import AskBody
from pgward.core.errors import InvalidInputError


def read(**fields):
    return AskBody.model_validate({"service": "shop"} | fields)


def test_what_is_asked_for_is_read_as_flows_read_it():
    table = {
        "database": "shop",
        "kind": "table",
        "schema": "public",
        "name": "orders",
        "privileges": ["UPDATE", "SELECT"],
    }
    asked = read(bundles=["reading"], roles=["x"], privileges=[table]).asked()
    assert asked.bundles == {"reading"}
    assert asked.rights.objects == {
        ObjectRights("shop", "table", "public", "orders", ("SELECT", "UPDATE"))
    }


@pytest.mark.parametrize("fields", [{"bundles": ["A B"]}, {"roles": ["a\u202eb"]}])
def test_names_that_are_none_are_refused(fields):
    with pytest.raises(InvalidInputError):
        read(**fields).asked()


@pytest.mark.parametrize(
    "fields", [{"seconds": 0}, {"privileges": [{}]}, {"roles": ["x" * 64]}, {"extra": 1}]
)
def test_what_has_another_form_is_refused(fields):
    with pytest.raises(ValidationError):
        read(**fields)
