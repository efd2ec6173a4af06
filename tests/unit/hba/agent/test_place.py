import shutil
from contextlib import ExitStack

import pytest

from pgward.hba.agent.place import Place, ReplacedError
from pgward.hba.agent.process import alone
from pgward.hba.install.host import Host
from pgward.hba.server.datadir import DataDir


@pytest.fixture
def host(pg_files) -> Host:
    found = DataDir.open(pg_files.data_dir)
    made = Host(found, found.path / "pgward")
    found.disk.make_dir(made.state_dir)
    return made


@pytest.fixture
def place(host):
    with ExitStack() as held:
        yield alone(host, held)


def test_as_long_as_nothing_changes_all_is_well(place, host):
    (host.data_dir.path / "PG_VERSION").touch()
    place.check()
    assert isinstance(place, Place)


def test_another_directory_in_its_place_is_noticed(place, host):
    path = host.data_dir.path
    path.rename(path.with_name("old"))
    place.check()  # the new one is on its way
    shutil.copytree(path.with_name("old"), path)
    with pytest.raises(ReplacedError, match="is not the directory any more"):
        place.check()


def test_a_lock_that_is_gone_is_noticed(place):
    place.lock.unlink()
    with pytest.raises(ReplacedError) as caught:
        place.check()
    assert "pgward hba apply" in caught.value.hint
