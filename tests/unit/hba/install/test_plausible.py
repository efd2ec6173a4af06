from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pgward.core.errors import PgwardError
from pgward.hba.install.plausible import check_successor
from tests.fixtures.material import Pair, SmallCa, signed_crl

NOW = datetime.now(UTC)


def lists(ca, issuing_number, users=None):
    users = users or ca.users
    dates = (NOW - timedelta(hours=1), NOW + timedelta(days=1))
    made = signed_crl(users.root, (), *dates)
    return made + signed_crl(users.issuing, (), *dates, number=issuing_number)


@pytest.fixture
def given(small_ca):
    """Material whose issuing CA's list has a number."""
    material = small_ca.current()
    return lambda number: replace(material, crls=lists(small_ca, number))


def test_lists_that_grow_newer_are_taken(given):
    check_successor(given(5), None)
    check_successor(given(5), given(5))
    check_successor(given(6), given(5))


def test_what_is_damaged_is_replaced(given):
    check_successor(given(1), replace(given(5), crls=b"no list"))


def test_a_list_that_was_rolled_back_is_not(given):
    with pytest.raises(PgwardError, match=r"older .* of CN=user issuing \(number 4\).*number 5"):
        check_successor(given(4), given(5))


def test_a_forged_list_of_a_root_is_not(small_ca, given):
    """It has the name and the key identifier of the root."""
    forger = Pair("user")
    dates = (NOW - timedelta(hours=1), NOW + timedelta(days=1))
    forged = signed_crl(small_ca.users.root, (), *dates, key=forger.root.key)
    material = replace(given(1), crls=forged + lists(small_ca, 1))
    with pytest.raises(PgwardError, match="of CN=user root is not signed by that CA"):
        check_successor(material, None)


def test_another_cas_lists_are_compared_with_nothing(given, small_ca):
    other = SmallCa()
    check_successor(replace(given(1), crls=lists(small_ca, 1, other.users)), given(9))
