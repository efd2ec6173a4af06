"""Write docs/reference/hba-check.md's part between its markers: all rules of `pgward hba check`.

Usage: .venv/bin/python tools/write_check_rules.py [--check]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from pgward.hba.check import describing
from pgward.hba.check.catalogue import RULES
from pgward.hba.check.rule import Example, Rule

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "hba-check.md"
BEGIN, END = "<!-- rules: begin (tools/write_check_rules.py) -->", "<!-- rules: end -->"


def main() -> None:
    """Rewrite the page, or with --check exit 1 when that would change it."""
    old = PAGE.read_text(encoding="utf-8")
    before, _, rest = old.partition(BEGIN)
    _, _, after = rest.partition(END)
    body = "\n".join(["", *table(), *(line for rule in RULES for line in section(rule))])
    new = f"{before}{BEGIN}\n{body}\n{END}{after}"
    if "--check" in sys.argv[1:]:
        sys.exit(0 if new == old else f"out of date: run {sys.argv[0]}")
    PAGE.write_text(new, encoding="utf-8")


def table() -> Iterator[str]:
    """Yield all rules, one a line."""
    yield "| rule | severity | what it finds |"
    yield "|---|---|---|"
    for rule in RULES:
        yield f"| [{rule.id}](#{anchor(rule)}) | {rule.severity.value} | {escaped(rule.title)} |"
    yield ""


def section(rule: Rule) -> Iterator[str]:
    """Yield what is said of a rule."""
    yield f"## {heading(rule)}"
    yield ""
    title = escaped(rule.title)
    yield f"{title[0].upper()}{title[1:]}. Severity: {rule.severity.value}."
    yield ""
    yield escaped(rule.why)
    yield ""
    if rule.fix:
        yield f"Fix: {escaped(rule.fix)}."
        yield ""
    yield from example("Bad", rule.bad)
    yield from example("Good", rule.good)


def example(kind: str, shown: Example) -> Iterator[str]:
    """Yield an example's files."""
    yield f"{kind}, for {shown.able.name}:"
    yield ""
    for name, text in describing.files(shown).items():
        yield f"```text\n# {name}\n{text}\n```"
        yield ""


def heading(rule: Rule) -> str:
    """Return the words of a rule's heading."""
    return f"{rule.id} {rule.name}"


def anchor(rule: Rule) -> str:
    """Return how its heading is linked to."""
    return heading(rule).lower().replace(" ", "-")


def escaped(text: str) -> str:
    """Return prose that Markdown shows as it is."""
    for mark in "\\`*<>|[]":
        text = text.replace(mark, f"\\{mark}")
    return text


if __name__ == "__main__":
    main()
