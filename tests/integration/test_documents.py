"""What is written for people is true: links lead somewhere, commands exist, examples apply."""

import re
import shlex
from pathlib import Path

import click
import pytest

from pgward.cli import cli

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
GENERATED = {"RESULTS.md"}  # written by `make bench`
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
UNITS = sorted((ROOT / "examples").glob("*.service"))
COMMAND = re.compile(r"^\s*\$ (?:[A-Z_]+=\S+ )?(pgward .*)$", re.MULTILINE)
STARTED = re.compile(r"^ExecStart=\S+/(pgward .*)$", re.MULTILINE)
PIPED = re.compile(r" (?:\||&|>|\d>) ?")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_leads_to_a_file(document):
    links = LINK.findall(document.read_text())
    missing = [link for link in links if not (document.parent / link).exists()]
    assert [link for link in missing if Path(link).name not in GENERATED] == []


def commands() -> list[str]:
    whole = (path.read_text().replace("\\\n", "") for path in DOCUMENTS)
    found = [line for text in whole for line in COMMAND.findall(text)]
    found += [line for path in UNITS for line in STARTED.findall(path.read_text())]
    return sorted({part for line in found for part in PIPED.split(line) if "pgward " in part})


@pytest.mark.parametrize("line", commands())
def test_every_command_of_a_transcript_exists_with_its_options(line):
    words = shlex.split(line.split(" -- ")[0])[1:]
    command, parent = cli, None
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        parent = click.Context(command, info_name=command.name, parent=parent)
        command = command.get_command(parent, words.pop(0))
        assert command is not None, line
    known = {option for each in command.params for option in each.opts}
    used = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert used - known - {"--help", "--version"} == set()


@pytest.mark.parametrize("unit", UNITS, ids=name)
def test_every_unit_starts_a_command(unit):
    assert len(STARTED.findall(unit.read_text())) == 1


def test_the_services_of_the_examples_are_valid(site):
    assert tried_out(site, "services.yaml") == ["Service orders", "Service reports"]


def test_the_services_in_mode_postgres_of_the_examples_are_valid(site):
    names = ("shop", "ledger", "warehouse", "legacy")
    assert tried_out(site, "services-postgres.yaml") == [f"Service {name}" for name in names]


def test_the_just_in_time_access_of_the_examples_is_valid(site):
    kinds = ("Integration shop-db", "Service shop", "RoleBundle shop-reading")
    assert tried_out(site, "just-in-time.yaml") == [*kinds, "AccessFlow shop-oncall"]


def tried_out(site, example):
    """What an example would make; the differences stand before it."""
    said = site.admin.ok("apply", "--dry-run", "-f", ROOT / "examples" / example).splitlines()
    end = " created (dry run)"
    return [line.removesuffix(end) for line in said if line.endswith(end)]
