"""RESULTS.md, for people."""

from collections.abc import Iterable, Iterator, Sequence

from bench.result import Result
from bench.samples import Metric, Samples
from bench.stats import Summary
from bench.targets import OURS, Verdict, verdicts

_BASES = ("haproxy", "haproxy-1", "haproxy-full", "stunnel")
_HEAD = """\
# Benchmark results

Written by `make bench`; do not edit. Every number that counts is a **ratio** of two peers in the
same round; a round measures every peer, one right after the other, in a changing order. A cell
shows the median of the rounds' ratios, then [first quartile-third quartile] and (lowest-highest).
HAProxy runs with two threads (haproxy) and with one (haproxy-1); targets are judged, and the plot
is drawn, against the one that is better at the metric.
What the peers are and how each number is taken: docs/concepts/performance.md.
"""
_AWARE_HEAD = """\
# The aware edge

Written by `python -m bench --only aware`, the same way. `edge-tcp` and `edge-aware` are edges in
mode tcp and in mode postgres before the same PostgreSQL, without TLS to it; `edge-aware-tls` and
`pgbouncer` (session pooling) have TLS on both sides. Every client shows a certificate. All that
is said in mode postgres is put on record, and delivered to the CA: the processes that do so, and
the CA, share the machine with the rest. "Records made" is how long after the last transaction.
"""
_INCOMPLETE = """
> This run was quick or partial: it shows that the harness works, and is not the result of record.
"""
# (title, which way is good, prefixes of metric keys)
_SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("pgbench -S", "More is better.", ("pgbench",)),
    ("New connections on a saturated loopback", "More is better.", ("connect",)),
    ("COPY", "More is better.", ("copy",)),
    ("CPU per transaction", "Less is better.", ("cpu",)),
    ("Memory per idle connection", "Less is better. PSS, growth over all.", ("memory",)),
    ("Connecting over a slow network", "Times: less is better. Rates: more.", ("delay",)),
    (
        "Where the time goes",
        "CPU of the hops in the runs above.",
        (
            "pgbench-cpu",
            "connect-cpu",
            "copy-cpu",
        ),
    ),
)


def render(result: Result) -> str:
    """Return the report as Markdown."""
    parts = [_HEAD, "" if result.complete else _INCOMPLETE, _verdicts(result.samples)]
    parts += ["## Ratios\n\n![ratios to HAProxy and to stunnel](results.svg)\n"]
    parts += [_section(result.samples, *section) for section in _SECTIONS]
    parts += [_machine(result), _configuration(result)]
    return "\n".join(part for part in parts if part)


# (title, which way is good, prefix, pairs of peers to compare)
_AWARE_SECTIONS = (
    ("pgbench -S and COPY out through the aware edge", "More is better.", "aware"),
    ("CPU time through the aware edge", "Less is better.", "aware-cpu"),
    ("How late records are", "Less is better.", "aware-lag"),
)
_AWARE_PAIRS = (("edge-aware", "edge-tcp"), ("edge-aware-tls", "pgbouncer"))


def render_aware(result: Result) -> str:
    """Return what a run of the measure ``aware`` says, as Markdown that goes below ``render``'s."""
    samples = result.samples
    parts = [_AWARE_HEAD, "" if result.complete else _INCOMPLETE, _verdicts(samples, "###")]
    parts += [_aware_section(samples, *section) for section in _AWARE_SECTIONS]
    parts += [_machine(result, "###"), _configuration(result, "###")]
    return "\n".join(part for part in parts if part)


def _aware_section(samples: Samples, title: str, note: str, prefix: str) -> str:
    metrics = list(samples.family(prefix))
    if not metrics:
        return ""
    peers = list(dict.fromkeys(peer for metric in metrics for peer in samples.peers(metric.key)))
    peers.sort()
    header = ["", "unit", *peers, *(f"{ours} / {base}" for ours, base in _AWARE_PAIRS)]
    rows = []
    for metric in metrics:
        values = [value_cell(samples.summary(metric.key, peer)) for peer in peers]
        ratios = [ratio_cell(samples.ratio(metric.key, *pair)) for pair in _AWARE_PAIRS]
        rows.append([metric.title, metric.unit, *values, *ratios])
    return f"### {title}\n\n{note} Medians, then ratios.\n\n{table(header, rows)}"


def _verdicts(samples: Samples, level: str = "##") -> str:
    rows = [
        (v.title, _sides(v, level), v.target.bound, ratio_cell(v.ratio), v.word)
        for v in verdicts(samples)
    ]
    header = ("what", f"{OURS} to" if level == "##" else "of", "target", "measured", "verdict")
    return f"{level} Targets\n\n{table(header, rows)}" if rows else ""


def _sides(verdict: Verdict, level: str) -> str:
    return verdict.base if level == "##" else f"{verdict.target.ours} / {verdict.base}"


def _section(samples: Samples, title: str, note: str, prefixes: Iterable[str]) -> str:
    metrics = [metric for prefix in prefixes for metric in samples.family(prefix)]
    if not metrics:
        return ""
    peers = list(dict.fromkeys(peer for metric in metrics for peer in samples.peers(metric.key)))
    peers.sort(key=lambda name: (name == OURS, name))
    bases = [base for base in _BASES if base in peers and OURS in peers]
    header = ["", "unit", *peers, *(f"{OURS} / {base}" for base in bases)]
    rows = [_row(samples, metric, peers, bases) for metric in metrics]
    return f"## {title}\n\n{note} Medians, then ratios.\n\n{table(header, rows)}"


def _row(samples: Samples, metric: Metric, peers: Iterable[str], bases: Iterable[str]) -> list[str]:
    values = [value_cell(samples.summary(metric.key, peer)) for peer in peers]
    ratios = [ratio_cell(samples.ratio(metric.key, OURS, base)) for base in bases]
    return [metric.title, metric.unit, *values, *ratios]


def value_cell(summary: Summary | None) -> str:
    """Show a median with three significant digits, and whole when it is large."""
    if summary is None:
        return "-"
    digits = 0 if summary.median >= 100 else 1 if summary.median >= 10 else 2
    return f"{summary.median:,.{digits}f}".replace(",", " ")


def ratio_cell(summary: Summary | None) -> str:
    """Show a ratio with its spread."""
    if summary is None:
        return "-"
    s = summary
    return (
        f"**{s.median:.2f}** [{s.first_quartile:.2f}-{s.third_quartile:.2f}] "
        f"({s.low:.2f}-{s.high:.2f})"
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _machine(result: Result, level: str = "##") -> str:
    about = table(("", ""), result.machine.items())
    sizes = ", ".join(f"{name} {value}" for name, value in result.plan.items())
    return f"{level} Machine and versions\n\n{about}\nSizes: {sizes}.\n"


def _configuration(result: Result, level: str = "##") -> str:
    return f"{level} Configuration\n" + "".join(_files(result.configuration))


def _files(configuration: dict[str, dict[str, str]]) -> Iterator[str]:
    for peer, files in configuration.items():
        for name, text in files.items():
            yield f"\n{peer}, {name}:\n\n```\n{text.rstrip()}\n```\n"
