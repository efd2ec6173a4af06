import shutil
import subprocess
from pathlib import Path

import click
import pytest

from pgward.cli import cli
from pgward.shell import pages

ROOT = Path(__file__).parents[3]


@click.command("leaf", help="Do it.\n\nIt's -done-.")
@click.argument("name")
@click.option("--size", default=3, show_default=True, help="How much.")
def leaf(name: str, size: int) -> None:
    """Do nothing here."""


def test_a_page():
    group = click.Group("top", {"leaf": leaf}, help="All of it.")
    written = dict(pages.pages(group))
    assert list(written) == ["pgward", "pgward-leaf"]
    page = written["pgward-leaf"]
    assert page.startswith('.TH "PGWARD\\-LEAF" 1 "" "pgward ')
    assert ".SH NAME\npgward\\-leaf \\- Do it\n" in page
    assert ".SH SYNOPSIS\n.B pgward leaf\n[OPTIONS] NAME\n" in page
    assert ".PP\nIt\\(aqs \\-done\\-.\n" in page
    assert ".TP\n.B \\-\\-size INTEGER\nHow much.  [default: 3]" in page.replace(". [", ".  [")
    assert page.endswith(".SH SEE ALSO\n.BR pgward (1)\n")
    assert ".BR pgward\\-leaf (1)\nDo it." in written["pgward"]


def test_what_is_hidden_has_none():
    hidden = click.Command("hidden", hidden=True)
    assert [name for name, _ in pages.pages(click.Group("top", {"hidden": hidden}))] == ["pgward"]


def test_they_are_written(tmp_path):
    assert pages.write(click.Group("top", {"leaf": leaf}), tmp_path) == 2
    assert {path.name for path in (tmp_path / "man1").iterdir()} == {"pgward.1", "pgward-leaf.1"}


def test_every_command_has_one():
    names = {path.stem for path in (ROOT / "man" / "man1").glob("*.1")}
    assert {"pgward", "pgward-login", "pgward-doctor", "pgward-ca-rotate-start"} <= names
    assert names == {name for name, _ in pages.pages(cli)}


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not here")
def test_they_are_good_roff():
    paths = sorted((ROOT / "man" / "man1").glob("*.1"))
    done = subprocess.run(
        ["groff", "-man", "-ww", "-z", "-Tutf8", *map(str, paths)], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
