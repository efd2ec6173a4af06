"""The command line, and the sizes that follow from it."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEASURES = ("pgbench", "copy", "connect", "memory", "delay", "cpu")
# Measured on request only, into a record of its own: how the aware edge does.
EXTRA_MEASURES = ("aware",)
_LEAST_ROUNDS = 5
PEERS = ("direct", "haproxy", "haproxy-1", "stunnel", "pgward")
# Measured on request only: HAProxy with one thread that checks certificates on every connection.
EXTRA_PEERS = ("haproxy-full",)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int = 7
    seconds: int = 5
    clients: tuple[int, ...] = (1, 8, 100)
    scale: int = 10
    copy_megabytes: int = 256
    idle_connections: int = 1000
    memory_rounds: int = 3
    connects: int = 20
    round_trip: float = 0.040
    seed: int = 2


# Shows in a few minutes that everything works; its numbers mean little.
QUICK = Plan(
    rounds=2,
    seconds=1,
    copy_megabytes=32,
    idle_connections=100,
    memory_rounds=1,
    connects=5,
)


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    plan: Plan
    quick: bool
    measures: tuple[str, ...]
    peers: tuple[str, ...]
    output: Path
    render: Path | None
    note: str | None = None

    @property
    def complete(self) -> bool:
        """Whether the run may stand as the result of record."""
        everything = (set(MEASURES), set(PEERS)) == (set(self.measures), set(self.peers))
        everything = everything or self.measures == EXTRA_MEASURES
        return everything and not self.quick and self.plan.rounds >= _LEAST_ROUNDS


def parse(argv: Sequence[str] | None = None) -> Options:
    """Read the command line; argparse prints and exits (code 2) when it is wrong."""
    parser = _parser()
    given = parser.parse_args(argv)
    plan = QUICK if given.quick else Plan()
    if given.rounds is not None:
        plan = replace(
            plan, rounds=given.rounds, memory_rounds=min(given.rounds, plan.memory_rounds)
        )
    if given.seconds is not None:
        plan = replace(plan, seconds=given.seconds)
    options = Options(
        plan,
        given.quick,
        given.only,
        given.peers,
        given.output or ROOT / "bench",
        given.render,
        given.note,
    )
    if given.output is None and not (options.complete or given.render):
        return replace(options, output=ROOT / "build" / "bench")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure pgward's tunnel and edge against HAProxy and stunnel pairs.",
        epilog="A quick or partial run writes to build/bench/ unless --output says otherwise, "
        "so that it never replaces the complete result in bench/.",
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does everything work?")
    parser.add_argument(
        "--only",
        type=_names(MEASURES + EXTRA_MEASURES),
        default=MEASURES,
        metavar="LIST",
        help=f"some of {','.join(MEASURES)}; or {','.join(EXTRA_MEASURES)}, which has a record "
        "of its own",
    )
    parser.add_argument(
        "--peers",
        type=_names(PEERS + EXTRA_PEERS),
        default=PEERS,
        metavar="LIST",
        help=f"some of {','.join(PEERS)}; or {','.join(EXTRA_PEERS)}, which is not in the record",
    )
    parser.add_argument("--rounds", type=_positive, metavar="N")
    parser.add_argument("--seconds", type=_positive, metavar="S", help="of each pgbench run")
    parser.add_argument("--output", type=Path, metavar="DIR", help="default bench/")
    parser.add_argument("--note", metavar="TEXT", help="what else ran here, for the report")
    parser.add_argument(
        "--render", type=Path, metavar="JSON", help="measure nothing; write the report of a run"
    )
    return parser


def _names(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def read(text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(text.split(",")))
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return names

    return read


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number
