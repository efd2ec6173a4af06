import pytest

from bench.samples import Metric, Samples

TPS = Metric("pgbench.simple.8", "pgbench -S, simple, 8 clients", "tps", "more")
CPU = Metric("cpu.edge", "CPU, edge hop", "µs/transaction", "less")


def filled(**values):
    samples = Samples()
    for peer, found in values.items():
        for number, value in enumerate(found):
            if value is not None:
                samples.add(TPS, peer, number, value)
    return samples


def test_ratios_are_taken_within_a_round():
    # The machine was twice as fast in round 1; the ratio of both rounds is the same.
    samples = filled(pgward=[100.0, 200.0], haproxy=[80.0, 160.0])
    ratio = samples.ratio(TPS.key, "pgward", "haproxy")
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high) == (1.25, 1.25, 1.25)


def test_the_median_of_ratios_is_not_the_ratio_of_medians():
    samples = filled(pgward=[1.0, 10.0, 30.0], haproxy=[2.0, 10.0, 10.0])
    ratio = samples.ratio(TPS.key, "pgward", "haproxy")
    assert ratio is not None
    assert (ratio.low, ratio.median, ratio.high) == (0.5, 1.0, 3.0)


def test_a_round_that_one_peer_missed_does_not_count():
    samples = filled(pgward=[1.0, 2.0], haproxy=[None, 4.0])
    ratio = samples.ratio(TPS.key, "pgward", "haproxy")
    assert ratio is not None
    assert (ratio.count, ratio.median) == (1, 0.5)


def test_a_base_of_zero_gives_no_ratio():
    assert filled(pgward=[1.0], haproxy=[0.0]).ratio(TPS.key, "pgward", "haproxy") is None


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [("pgbench", [TPS]), ("pgbench.simple.8", [TPS]), ("pg", []), ("pgbench.simple.80", [])],
)
def test_a_family_is_named_by_whole_words(prefix, expected):
    assert list(filled(pgward=[1.0]).family(prefix)) == expected


def test_peers_come_in_the_order_they_were_measured():
    assert filled(stunnel=[1.0], direct=[1.0]).peers(TPS.key) == ["stunnel", "direct"]


def test_the_strongest_variant_is_the_one_to_compare_with():
    samples = Samples()
    for peer, value in (("haproxy", 10.0), ("haproxy-1", 12.0), ("haproxyish", 99.0)):
        samples.add(TPS, peer, 0, value)
        samples.add(CPU, peer, 0, value)
    assert samples.strongest(TPS.key, "haproxy") == "haproxy-1"
    assert samples.strongest(CPU.key, "haproxy") == "haproxy"
    assert samples.strongest("nothing", "haproxy") == "haproxy"
