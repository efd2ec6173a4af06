"""The aware edge's own record: its report, its targets, and what begins it."""

from bench import run
from bench.options import EXTRA_MEASURES, MEASURES, ROOT, parse
from bench.report import render_aware
from bench.result import Result
from bench.samples import Metric, Samples
from bench.targets import verdicts

TPS = Metric("aware.simple", "pgbench -S, simple, 8 clients", "tps", "more")
CPU = Metric("aware-cpu.simple.auditor", "the edge's auditor", "µs/transaction", "less")
OTHER = Metric("pgbench.simple.8", "pgbench -S, simple, 8 clients", "tps", "more")


def result() -> Result:
    samples = Samples()
    values = {"edge-tcp": 1000.0, "edge-aware": 900.0, "edge-aware-tls": 800.0, "pgbouncer": 1000.0}
    for way, value in values.items():
        samples.add(TPS, way, 0, value)
    samples.add(CPU, "edge-aware", 0, 12.0)
    return Result(
        complete=True,
        machine={"CPU": "a CPU, 2 cores"},
        plan={"rounds": 7},
        configuration={"pgbouncer": {"pgbouncer.ini": "[databases]\n"}},
        samples=samples,
    )


def tunnels() -> Result:
    samples = Samples()
    for peer in ("haproxy", "pgward"):
        samples.add(OTHER, peer, 0, 1000.0)
    return Result(complete=True, machine={}, plan={}, configuration={}, samples=samples)


def test_each_target_names_both_of_its_sides():
    found = {(v.target.ours, v.base): v.met for v in verdicts(result().samples)}
    assert found == {("edge-aware", "edge-tcp"): True, ("edge-aware-tls", "pgbouncer"): False}


def test_the_report_has_both_pairs_and_what_only_one_way_has():
    text = render_aware(result())
    assert "| edge-aware / edge-tcp | at least 0.85 | **0.90**" in text
    assert "| edge-aware-tls / pgbouncer | at least 1 | **0.80**" in text
    assert "| the edge's auditor | µs/transaction | 12.0 | - | - |" in text
    assert "pgbouncer, pgbouncer.ini:" in text


def test_it_is_asked_for_alone_and_is_a_record_then():
    options = parse(["--only", "aware"])
    assert (options.measures, options.complete) == (EXTRA_MEASURES, True)
    assert options.output == ROOT / "bench"
    assert not set(EXTRA_MEASURES) & set(MEASURES)
    assert not parse(["--only", "aware", "--quick"]).complete
    assert parse(["--note", "a backup ran"]).note == "a backup ran"


def test_both_records_stand_in_one_report_whichever_was_written_last(tmp_path):
    for made in (result(), tunnels(), result()):
        run._write(made, tmp_path)
        text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert text.index("# Benchmark results") < text.index("# The aware edge")
    assert Result.load(tmp_path / "aware.json") == result()
