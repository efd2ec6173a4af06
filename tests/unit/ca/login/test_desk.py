from tests.fixtures.authority import START


def test_the_desk_has_both_clocks(desk):
    assert desk.now() == START
    assert desk.monotonic() <= desk.monotonic()
