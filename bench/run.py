"""The command: measure, then write results.json, RESULTS.md and results.svg."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from bench import machine, plot, report
from bench.lab import Lab, open_lab
from bench.measures import MEASURES
from bench.options import Options, parse
from bench.processes import BenchError
from bench.result import Result
from pgward.core.errors import PgwardError
from pgward.system.postgres import temporary_directory

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench; return the exit code: 0, 1 failed, 130 interrupted."""
    options = parse(argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        result = Result.load(options.render) if options.render else _measure(options)
        _write(result, options.output)
    except KeyboardInterrupt:
        print("bench: interrupted; everything it started is stopped", file=sys.stderr)
        return _INTERRUPTED
    except (BenchError, PgwardError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # A second Ctrl-C must not cut the clean-up short.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _measure(options: Options) -> Result:
    about = machine.describe()
    if options.note:
        about["Meanwhile"] = options.note
    with temporary_directory("bench-") as directory, open_lab(options, directory) as lab:
        for name in options.measures:
            _one(lab, name)
        about["Load average after the run"] = f"{os.getloadavg()[0]:.2f}"
        return Result(
            complete=options.complete,
            machine=about,
            plan=asdict(options.plan),
            configuration=_without(directory, lab.configuration),
            samples=lab.samples,
        )


def _one(lab: Lab, name: str) -> None:
    begun = time.monotonic()
    lab.say(f"{name}:")
    MEASURES[name](lab)
    lab.say(f"  took {time.monotonic() - begun:.0f} s")


def _without(directory: Path, files: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return {
        peer: {name: text.replace(str(directory), "") for name, text in texts.items()}
        for peer, texts in files.items()
    }


def _write(result: Result, output: Path) -> None:
    """Save a result; the report is made of the last one of each record, the aware edge's below."""
    output.mkdir(parents=True, exist_ok=True)
    record, aware = output / "results.json", output / "aware.json"
    if any(result.samples.family("aware")):
        result.save(aware)
    else:
        result.save(record)
        plot.draw(result.samples, output / "results.svg")
    parts = [report.render(Result.load(record))] if record.exists() else []
    parts += [report.render_aware(Result.load(aware))] if aware.exists() else []
    (output / "RESULTS.md").write_text("\n".join(parts), encoding="utf-8")
    print(output / "RESULTS.md")
