from bench.report import ratio_cell, render, table, value_cell
from bench.result import Result
from bench.samples import Metric, Samples
from bench.stats import Summary

TPS = Metric("pgbench.simple.8", "pgbench -S, simple, 8 clients", "tps", "more")


def result(*, complete=True):
    samples = Samples()
    for peer, value in (("direct", 9000.0), ("haproxy", 4000.0), ("pgward", 5000.0)):
        samples.add(TPS, peer, 0, value)
    return Result(
        complete=complete,
        machine={"CPU": "a CPU, 2 cores"},
        plan={"rounds": 1},
        configuration={"haproxy": {"edge haproxy.cfg": "global\n"}},
        samples=samples,
    )


def at(median):
    return Summary(median, median - 0.1, median - 0.05, median + 0.05, median + 0.1, 5)


def test_a_value_has_the_digits_that_mean_something():
    cells = [value_cell(at(value)) for value in (12345.6, 187.0, 24.56, 1.234)]
    assert cells == ["12 346", "187", "24.6", "1.23"]
    assert value_cell(None) == "-"


def test_a_ratio_shows_its_spread():
    assert ratio_cell(at(1.5)) == "**1.50** [1.45-1.55] (1.40-1.60)"
    assert ratio_cell(None) == "-"


def test_a_table_is_markdown():
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"


def test_the_report_has_verdicts_values_ratios_and_configuration():
    text = render(result())
    assert "| pgbench -S, simple, 8 clients | haproxy | at least 1 |" in text
    assert "|  | unit | direct | haproxy | pgward | pgward / haproxy |" in text
    assert "| 9 000 | 4 000 | 5 000 | **1.25** [1.25-1.25] (1.25-1.25) |" in text
    assert "haproxy, edge haproxy.cfg:" in text
    assert "not the result of record" not in text


def test_a_partial_run_says_so():
    assert "not the result of record" in render(result(complete=False))
