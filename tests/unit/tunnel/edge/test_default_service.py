from pgward.tunnel.edge.default_service import DefaultService


def test_one_that_is_served_is_not_worth_a_word():
    assert DefaultService("orders").problem({"orders"}) is None
    assert DefaultService(None).problem({"orders"}) is None


def test_one_that_is_not_is_told_of_once_until_it_is():
    found = DefaultService("NOPE")
    said = "--default-service: no service 'NOPE' is served here; clients that name none are refused"
    assert found.problem({}) == said
    assert found.problem({"orders"}) is None
    assert found.problem({"NOPE"}) is None
    assert found.problem({"orders"}) == said


def test_the_nearest_name_is_offered():
    said = "--default-service: no service 'order' is served here; did you mean orders?"
    assert DefaultService("order").problem({"orders", "billing"}) == said
