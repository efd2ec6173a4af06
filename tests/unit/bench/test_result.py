from bench.result import Result
from bench.samples import Metric, Samples

TPS = Metric("pgbench.simple.8", "pgbench -S, simple, 8 clients", "tps", "more")


def test_what_was_saved_is_loaded(tmp_path):
    samples = Samples()
    samples.add(TPS, "pgward", 0, 5000.5)
    samples.add(TPS, "haproxy", 0, 4000.25)
    saved = Result(
        complete=True,
        machine={"CPU": "a CPU, 2 cores"},
        plan={"rounds": 1, "clients": [1, 8]},
        configuration={"haproxy": {"edge haproxy.cfg": "global\n"}},
        samples=samples,
    )
    saved.save(tmp_path / "results.json")
    assert Result.load(tmp_path / "results.json") == saved
