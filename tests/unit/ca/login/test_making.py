from pgward.ca.login import making


def test_who_was_told_nothing_logs_in_with_a_password(desk):
    with desk.store.read() as connection:
        assert (
            making.engine(desk, making.factors(desk)).methods.offers(connection)[0].method
            == "password"
        )
