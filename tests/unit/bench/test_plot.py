from xml.etree import ElementTree as ET

from bench.plot import advantage, draw
from bench.samples import Metric, Samples

TPS = Metric("pgbench.simple.8", "pgbench -S, simple, 8 clients", "tps", "more")
CPU = Metric("cpu.edge", "CPU, edge hop", "µs/transaction", "less")


def filled():
    samples = Samples()
    for metric in (TPS, CPU):
        for number, (ours, theirs) in enumerate([(100.0, 50.0), (90.0, 60.0)]):
            samples.add(metric, "pgward", number, ours)
            samples.add(metric, "haproxy", number, theirs)
    return samples


def test_a_cost_is_turned_so_that_above_one_is_better():
    throughput = advantage(filled(), TPS.key, "haproxy")
    cost = advantage(filled(), CPU.key, "haproxy")
    assert throughput is not None
    assert cost is not None
    assert (throughput.low, throughput.high) == (1.5, 2.0)
    assert (cost.low, cost.high) == (0.5, 60 / 90)


def test_the_picture_names_what_it_shows(tmp_path):
    draw(filled(), tmp_path / "results.svg")
    text = "".join(ET.parse(tmp_path / "results.svg").getroot().itertext())
    assert "CPU, edge hop" in text
    assert "against haproxy" in text


def test_the_same_numbers_give_the_same_picture(tmp_path):
    for name in ("one.svg", "two.svg"):
        draw(filled(), tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_nothing_to_compare_draws_nothing(tmp_path):
    draw(Samples(), tmp_path / "results.svg")
    assert not (tmp_path / "results.svg").exists()
