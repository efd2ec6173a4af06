import pytest
from pydantic import ValidationError

from pgward.ca.resources.account import Account

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
