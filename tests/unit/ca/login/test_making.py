from pgward.ca.login import making
from pgward.ca.resources.login_rule import METHODS


def test_who_was_told_nothing_logs_in_with_a_password(desk):
    with desk.store.read() as connection:
        assert (
            making.engine(desk, making.factors(desk)).methods.offers(connection)[0].method
            == "password"
        )


def test_login_rules_can_name_every_method(desk):
    methods = making.engine(desk, making.factors(desk)).methods
    assert {methods.get(kind).kind for kind in METHODS} == set(METHODS)
