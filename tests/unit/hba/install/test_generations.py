from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pgward.hba.install.generations import Generations
from pgward.hba.server.disk import Disk, owner_of

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def generations(tmp_path) -> Generations:
    return Generations(tmp_path / "tls", Disk(owner_of(tmp_path)))


def test_nothing_there(generations) -> None:
    assert generations.current() is None
    assert generations.load() is None
    generations.use(None)
    generations.prune()


def test_written_then_used(generations, small_ca) -> None:
    material = small_ca.current()
    name = generations.write(material, NOW)
    assert name.startswith("20261121T120000Z-")
    assert generations.load() is None
    generations.use(name)
    assert (generations.current(), generations.load()) == (name, material)


def test_modes(generations, small_ca) -> None:
    generations.use(generations.write(small_ca.current(), NOW))
    modes = {p.name: p.stat().st_mode & 0o777 for p in generations.link.resolve().iterdir()}
    assert modes == {
        "server.crt": 0o644,
        "server.key": 0o600,
        "user-ca.crt": 0o644,
        "user-ca.crl": 0o644,
    }
    assert generations.directory.stat().st_mode & 0o777 == 0o700


def test_the_one_before_is_kept(generations, small_ca) -> None:
    names = [generations.write(small_ca.current(), NOW + timedelta(hours=n)) for n in range(4)]
    generations.use(names[3])
    generations.prune()
    assert {p.name for p in generations.directory.iterdir()} == {"current", *names[2:]}


def test_those_wanted_are_kept(generations, small_ca) -> None:
    names = [generations.write(small_ca.current(), NOW + timedelta(hours=n)) for n in range(4)]
    generations.use(names[3])
    generations.prune({names[0]})
    assert {p.name for p in generations.directory.iterdir()} == {
        "current",
        *(names[0], names[2], names[3]),
    }
    assert generations.read(names[0]) == small_ca.current()
    assert generations.read(names[1]) is None


def test_a_missing_part_is_no_material(generations, small_ca) -> None:
    generations.use(generations.write(small_ca.current(), NOW))
    Path(generations.link / "user-ca.crl").unlink()
    assert generations.load() is None
