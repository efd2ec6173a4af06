"""See that every module has the test file of its name, and every unit test file its module.

``pgward/x/y.py`` is tested by ``tests/unit/x/test_y.py``, and beside it, when that grows long,
by ``test_y_ASPECT.py``. ``__init__.py`` and ``__main__.py`` need none, nor do database
migrations, which the store's tests run.
"""

import sys
from collections.abc import Container
from pathlib import Path

ROOT = Path(__file__).parents[1]
NEEDS_NONE = {"__init__.py", "__main__.py"}


def expected_test(module: Path) -> Path:
    """Return the path of the unit test file of a module, both relative to the repository."""
    return Path("tests/unit", *module.parts[1:-1], f"test_{module.name}")


def needs_test(module: Path) -> bool:
    """Tell whether a module has something of its own to test."""
    return module.name not in NEEDS_NONE and "migrations" not in module.parts


def problems(root: Path) -> list[str]:
    """Return a line for each module without its test and each unit test without its module."""
    modules = {path.relative_to(root) for path in (root / "pgward").rglob("*.py")}
    wanted = {expected_test(m): m for m in modules if needs_test(m)}
    there = {path.relative_to(root) for path in (root / "tests/unit").rglob("test_*.py")}
    others = {path for path in there if path.parts[2] in {"bench", "tools"}}
    return [
        *(f"{wanted[test]} has no {test}" for test in sorted(wanted.keys() - there)),
        *(f"{test} tests no module" for test in sorted(there - others) if not _known(test, wanted)),
    ]


def _known(test: Path, wanted: Container[Path]) -> bool:
    """Tell whether a test file, or the one that it is an aspect of, is a module's."""
    words = test.stem.split("_")
    stems = ("_".join(words[:end]) for end in range(2, len(words) + 1))
    return any(test.with_name(f"{stem}.py") in wanted for stem in stems)


def main() -> int:
    """Print the problems; return the exit code."""
    found = problems(ROOT)
    print("\n".join(found) if found else "every module has its test file")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
