from pgward.ca import caller


def test_there_is_no_client_outside_a_request():
    assert caller.client.get() is None
