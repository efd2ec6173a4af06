import pytest

from pgward.client.access import offers
from pgward.client.access.offers import Wish
from pgward.core.errors import InvalidInputError, NotFoundError
from tests.fixtures.asked import ENTRY, SELECT, offer

OTHER = offer(flow="shop-writing", bundles=[{"name": "shop-writing"}], break_glass_seconds=None)


def test_a_wish_as_the_ca_takes_it():
    wish = Wish("shop", ("shop-reading",), ("reporting",), (SELECT,), 60, "why", "f", True)
    assert wish.to_json() == {
        "service": "shop",
        "flow": "f",
        "bundles": ["shop-reading"],
        "roles": ["reporting"],
        "privileges": [SELECT.to_json()],
        "seconds": 60,
        "reason": "why",
        "break_glass": True,
    }


def test_the_offers_that_have_all_of_it():
    both = [offer(), OTHER]
    assert offers.fitting(Wish("shop"), both) == both
    assert offers.fitting(Wish("shop", bundles=("shop-writing",)), both) == [OTHER]
    assert offers.fitting(Wish("shop", flow="shop-oncall"), both) == [offer()]
    glass = Wish("shop", roles=("reporting",), break_glass=True)
    assert offers.fitting(glass, both) == [offer()]
    emergency = offer(only_break_glass=True)
    assert offers.fitting(Wish("shop"), [emergency, OTHER]) == [OTHER]
    with pytest.raises(InvalidInputError, match="you may break the glass for that at shop, and"):
        offers.fitting(Wish("shop"), [emergency])


@pytest.mark.parametrize(
    ("wish", "message", "hint"),
    [
        (
            Wish("shop", bundles=("shop-readin",)),
            "there is no bundle 'shop-readin' that you may ask for",
            "did you mean shop-reading?",
        ),
        (
            Wish("shop", roles=("zzz",)),
            "there is no role 'zzz' that you may ask for",
            "there are reporting",
        ),
        (Wish("shop", flow="x"), "there is no flow 'x'", "there are shop-oncall, shop-writing"),
        (
            Wish("shop", bundles=("shop-reading", "shop-writing")),
            "no flow has all of shop-reading, shop-writing",
            "make several requests",
        ),
        (
            Wish("shop", bundles=("shop-writing",), break_glass=True),
            "nobody lets you break the glass at shop",
            "pgward request shop shows",
        ),
    ],
)
def test_what_is_not_offered_is_told_with_what_is(wish, message, hint):
    with pytest.raises(InvalidInputError) as caught:
        offers.fitting(wish, [offer(), OTHER])
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_where_there_is_no_role_at_all():
    with pytest.raises(InvalidInputError) as caught:
        offers.fitting(Wish("shop", roles=("x",)), [offer(roles=[])])
    assert caught.value.hint == "there is none at all"


def test_a_service_at_which_nothing_may_be_asked_for():
    with pytest.raises(NotFoundError, match="there is nothing at 'store' that you may ask for"):
        offers.fitting(Wish("store"), [offer()])


def test_the_one_bundle_that_there_is_need_not_be_named():
    only = offer(roles=[], privileges=[])
    assert offers.completed(Wish("shop"), [only, only]) == Wish("shop", bundles=("shop-reading",))


@pytest.mark.parametrize(
    ("wish", "offered"),
    [(Wish("shop", roles=("reporting",)), [offer()]), (Wish("shop"), [offer(), offer(**ENTRY)])],
    ids=["named", "entry"],
)
def test_a_wish_that_says_enough_stays_as_it_is(wish, offered):
    assert offers.completed(wish, offered) == wish


@pytest.mark.parametrize(
    ("offered", "words"),
    [
        (
            [offer(), OTHER],
            [
                "--bundle shop-reading",
                "--bundle shop-writing",
                "--on 'table shop.public.orders:SELECT'",
                "--role reporting",
            ],
        ),
        ([offer(bundles=[], privileges=[])], ["--role reporting"]),
    ],
)
def test_where_there_is_a_choice_it_is_shown(offered, words):
    with pytest.raises(InvalidInputError) as caught:
        offers.completed(Wish("shop"), offered)
    assert caught.value.message == "say what you need at shop"
    assert caught.value.hint.splitlines() == ["one or several of", *words]


@pytest.mark.parametrize(
    ("wish", "offered", "wanted"),
    [
        (Wish("shop"), [offer()], True),
        (Wish("shop"), [offer(reason="optional", reason_matches="^T")], True),
        (Wish("shop", reason="why"), [offer()], False),
        (Wish("shop"), [offer(), offer(reason="optional")], False),
        (Wish("shop", break_glass=True), [offer(reason="optional")], True),
    ],
)
def test_when_a_reason_is_asked_for(wish, offered, wanted):
    assert offers.wants_reason(wish, offered) is wanted


def test_an_empty_reason_is_none():
    assert offers.with_reason(Wish("shop"), " why ") == Wish("shop", reason="why")
    with pytest.raises(InvalidInputError, match="a reason is needed"):
        offers.with_reason(Wish("shop"), "  ")


@pytest.mark.parametrize(
    ("seconds", "text"), [(172800, "2d"), (3600, "1h"), (5400, "90m"), (61, "61s"), (86400, "1d")]
)
def test_a_time_as_it_is_typed(seconds, text):
    assert offers.span(seconds) == text


def test_what_is_in_a_bundle_is_shown_where_there_is_room():
    full = {"name": "b", "roles": ["r"], "privileges": [SELECT.to_json()]}
    found = offer(**(ENTRY | {"bundles": [full, {"name": "c", "roles": [], "privileges": []}]}))
    assert offers.choices(found, whole=True) == [
        "--bundle b (role r; table shop.public.orders:SELECT)",
        "--bundle c (nothing)",
    ]
    assert offers.choices(found) == ["--bundle b", "--bundle c"]


def test_a_command_without_a_reason_where_none_is_asked_for():
    free = offer(**ENTRY, reason="optional")
    assert offers.command("shop", [free]) == "pgward request shop --for 1h"


def test_a_command_that_asks_for_something():
    emergency = offer(**ENTRY, only_break_glass=True)
    assert offers.command("shop", [emergency]) == (
        "pgward request shop --for 1h --reason 'TEXT' --break-glass"
    )
    long = offer(bundles=[], privileges=[], default_seconds=7200)
    assert offers.command("shop", [emergency, offer(), OTHER, long]) == (
        "pgward request shop --bundle shop-reading --for 1h --reason 'TEXT'"
    )
