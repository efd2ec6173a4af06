"""Look for bytes that break a target: ``python -m tests.fuzz.run TARGET [OPTION OF LIBFUZZER...]``.

Needs atheris, which no extra brings: it is a tool, and a large one. With ``all`` in place of a
target each has its turn, in a process of its own. What breaks a target is left in build/fuzz.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

_FOUND = Path(__file__).parents[2] / "build" / "fuzz"


def main(words: list[str]) -> int:
    """Fuzz one target for as long as the options say, which never returns; or all."""
    import atheris  # noqa: PLC0415 - before what it is to instrument

    with atheris.instrument_imports(
        include=["pgward.pgwire", "pgward.tunnel.aware", "pgward.audit"]
    ):
        from tests.fuzz.targets import SEEDS, TARGETS  # noqa: PLC0415
    name, *options = words or ["--help"]
    if name == "all":
        command = [sys.executable, "-m", "tests.fuzz.run"]
        return max(subprocess.call([*command, each, *options]) for each in TARGETS)
    if name not in TARGETS:
        sys.stderr.write(f"targets: all, {', '.join(TARGETS)}\n")
        return 2
    _FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for at, seed in enumerate(SEEDS[name]):
            Path(corpus, str(at)).write_bytes(seed)
        atheris.Setup([name, f"-artifact_prefix={_FOUND}/{name}-", *options, corpus], TARGETS[name])
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
