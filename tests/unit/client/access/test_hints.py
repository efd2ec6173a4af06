import pytest

from pgward.client.access import hints
from pgward.core.errors import LoginNeededError, NotFoundError, UnavailableError
from tests.fixtures.asked import ENTRY, offer

UNKNOWN = NotFoundError("there is no service 'shop' for you")
BUNDLE = {"roles": [], "privileges": []}


@pytest.mark.parametrize(
    ("offered", "hint"),
    [
        ([offer()], "pgward request shop shows what you may ask for"),
        ([offer(**ENTRY, default_seconds=5400)], "pgward request shop --for 90m --reason 'TEXT'"),
        ([offer(**BUNDLE)], "pgward request shop --bundle shop-reading --for 1h --reason 'TEXT'"),
        ([offer(**BUNDLE), offer(**ENTRY)], "pgward request shop --for 1h --reason 'TEXT'"),
    ],
)
def test_who_may_ask_for_a_service_hears_how(offered, hint):
    error = hints.refusal("shop", UNKNOWN, lambda: offered)
    assert (error.message, error.hint, error.exit_code) == (
        "you have no access to shop now, and may ask for it",
        hint,
        1,
    )


@pytest.mark.parametrize("offered", [[], [offer(service="stock")]])
def test_who_may_not_hears_nothing_of_it(offered):
    assert hints.refusal("shop", UNKNOWN, lambda: offered) is UNKNOWN


@pytest.mark.parametrize(
    "failure", [NotFoundError("an old CA"), UnavailableError("away"), LoginNeededError()]
)
def test_a_ca_that_cannot_say_leaves_it_at_that(failure):
    def look():
        raise failure

    assert hints.refusal("shop", UNKNOWN, look) is UNKNOWN
