"""Configurations as they are found in the world: what each version refuses, what is found."""

import pytest

from pgward.hba.check.catalogue import check
from pgward.hba.check.finding import Severity
from pgward.hba.syntax import settings, tokens
from pgward.hba.syntax.versions import NEWEST, OLDEST, Abilities
from tests.fixtures.hba_configurations import (
    CHECKED_AS,
    WORLD,
    Configuration,
    configurations,
    findings,
    refusals,
    subject_in,
)

CONFIGURATIONS = configurations()
VERSIONS = range(OLDEST, NEWEST + 1)
each_one = pytest.mark.parametrize("one", CONFIGURATIONS, ids=lambda one: one.name)


def test_every_directory_has_its_facts() -> None:
    directories = {path.name for path in WORLD.iterdir() if path.is_dir()}
    assert {each.name for each in CONFIGURATIONS} == directories


@each_one
def test_each_version_refuses_the_lines_of_the_table(one: Configuration) -> None:
    refused = {v: refusals(subject_in(one.directory, v), one.directory) for v in VERSIONS}
    assert refused == {v: one.refused_by(v) for v in VERSIONS}


@each_one
def test_check_finds_what_the_table_says(one: Configuration) -> None:
    found = findings(subject_in(one.directory, CHECKED_AS), one.directory)
    assert set(one.finds) - set(found) == set()


@pytest.mark.parametrize("name", ["hardened", "rhel"])
def test_no_error_is_found_in_what_is_right(name: str) -> None:
    found = check(subject_in(WORLD / name, CHECKED_AS))
    assert [each for each in found if each.severity is Severity.ERROR] == []


@each_one
def test_every_byte_comes_back(one: Configuration) -> None:
    for path in one.files:
        data = path.read_bytes()
        for version in VERSIONS:
            lines = tokens.parse(data, continuation=Abilities.of(version).continuation)
            assert b"".join(line.raw for line in lines) == data, path
        assert b"".join(line.raw for line in settings.parse(data)) == data, path
