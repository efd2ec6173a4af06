import pytest
from pydantic import ValidationError

from pgward.ca.resources import kinds
from pgward.ca.resources.account import Account
from pgward.core.errors import InvalidInputError
from tests.fixtures.integrations import integration

APP = {"user": "shop_app", "secret": "shop-app"}


def test_it_changes_every_thirty_days_unless_something_else_is_said():
    assert Account(**APP).seconds == 30 * 86400
    assert Account(**APP, every="12h").seconds == 12 * 3600
    assert Account(**APP, every=False).seconds is None


@pytest.mark.parametrize(
    "more",
    [
        {"every": "5m"},
        {"every": "soon"},
        {"length": 8},
        {"alphabet": "emoji"},
        {"secret": "Not A Name"},
        {"user": ""},
    ],
)
def test_what_cannot_be_is_refused(more):
    with pytest.raises(ValidationError):
        Account(**APP | more)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (APP | {"secret": "other"}, "has the user shop_app in two of its accounts"),
        (APP | {"user": "other"}, "has the secret shop-app in two of its accounts"),
    ],
)
def test_a_password_is_changed_by_one_account_of_an_integration(second, message):
    with pytest.raises(InvalidInputError, match=message):
        kinds.read("Integration", integration(accounts=[APP, second]))
    assert kinds.read("Integration", integration(accounts=[APP])).spec.accounts == [Account(**APP)]
