from pgward.doctor.order import CHECKS


def test_each_link_comes_after_those_it_hangs_on():
    seen = set()
    for check in CHECKS:
        assert set(check.needs) <= seen
        assert check.name not in seen
        seen.add(check.name)


def test_each_is_bounded():
    assert max(check.seconds for check in CHECKS) <= 25
