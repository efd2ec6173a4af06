"""The README names what there is."""

import re
from pathlib import Path

import click

from pgward.cli import cli

ROOT = Path(__file__).parents[2]


def test_it_names_every_hba_command() -> None:
    section = (ROOT / "README.md").read_text().partition("## PostgreSQL servers")[2]
    named = re.findall(r"`([a-z]+)`", section.partition("\n## ")[0])
    hba = cli.get_command(click.Context(cli), "hba")
    assert sorted(set(named)) == sorted(hba.list_commands(click.Context(hba)))
