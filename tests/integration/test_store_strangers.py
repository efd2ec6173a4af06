"""Who must not serve a store: another CA's directory, another version of pgward."""

import shutil
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from pgward.ca.store import open_store, seats
from pgward.ca.store.engine import make_single, parse_url
from pgward.core.errors import ConflictError
from tests.fixtures import released
from tests.fixtures.ca_process import CaProcess
from tests.fixtures.filled import PASSPHRASE, quick_ca
from tests.fixtures.many_cas import secret, serve_refused

pytestmark = pytest.mark.integration


@pytest.mark.soak
def test_another_cas_directory_is_refused_from_the_first_moment(tmp_path):
    ours, theirs = (quick_ca(tmp_path / name, passphrase=PASSPHRASE) for name in ("a", "b"))
    word = ("--passphrase-file", secret(tmp_path, PASSPHRASE.decode()))
    here = (*word, "--database-url", f"sqlite:///{ours / 'ca.db'}")
    code, said = serve_refused(theirs, *here)
    assert (code, f"{theirs}: its CAs are not those of the store" in said) == (2, True)
    assert CaProcess(ours, *word).stop() == 0
    code, said = serve_refused(theirs, *here)
    assert (code, "it is not the key of the certificate user-issuing\n" in said) == (2, True)
    assert "hint: the directory is another CA's than the store" in said
    for name in ("keys/log.key", "certs/log.pub"):
        shutil.copy(theirs / name, ours / name)
    code, said = serve_refused(ours, *word)
    assert (code, "copy keys/log.key from the replica that signed before" in said) == (2, True)


@pytest.fixture(params=["sqlite", "postgresql"])
def older(request, tmp_path):
    """The URL of a store as the first release left it."""
    revision = released.REVISIONS[0]
    directory = released.directory(revision, tmp_path / "ca")
    if request.param == "sqlite":
        return f"sqlite:///{directory / 'ca.db'}"
    url = request.getfixturevalue("database_url")
    released.fill(url, revision, directory)
    return url


def test_a_store_is_not_changed_under_the_feet_of_an_older_version(older):
    with being_served(parse_url(older)):
        for _ in range(2):
            with pytest.raises(ConflictError, match="another pgward process uses") as caught:
                open_store(older)
            assert "end `pgward ca serve` on every machine" in caught.value.hint
    open_store(older).close()
    open_store(older).close()


@contextmanager
def being_served(url):
    """Be present as a replica is; whoever is that old has no marks to look at."""
    if url.drivername == "sqlite":
        seat = seats.seat(url)
        seat.take()
        yield
        seat.leave()
        return
    engine = make_single(url)
    with engine.connect() as connection:
        taken = sa.func.pg_try_advisory_lock_shared(seats._SERVING)
        assert connection.execute(sa.select(taken)).scalar_one() is True
        yield
    engine.dispose()
