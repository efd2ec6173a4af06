import asyncio
import stat

import pytest
from cryptography import x509

from pgward.ca.revoking.crl_files import CrlFiles
from pgward.ca.revoking.served_crls import ServedCrl
from pgward.system.files import StorageError

FILES = {
    *("user-root.crl", "user-root.pem", "user-issuing.crl", "user-issuing.pem", "user.pem"),
    *("server-root.crl", "server-root.pem", "server-issuing.crl", "server-issuing.pem"),
    "server.pem",
}


class Source:
    """The authority's lists."""

    def __init__(self, authority):
        self._authority = authority

    def every(self):
        return [ServedCrl.of(crl) for crl in self._authority.crls()]


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "www" / "crls"


@pytest.fixture
def files(directory, authority):
    return CrlFiles(directory, Source(authority))


def test_every_list_in_both_forms(files, directory, authority):
    assert files.write()
    assert {path.name for path in directory.iterdir()} == FILES
    for crl in authority.crls():
        assert (directory / f"{crl.name}.crl").read_bytes() == crl.der
        pem = (directory / f"{crl.name}.pem").read_bytes()
        assert x509.load_pem_x509_crl(pem) == x509.load_der_x509_crl(crl.der)
    together = (directory / "user.pem").read_bytes()
    parts = [(directory / f"user-{ca}.pem").read_bytes() for ca in ("root", "issuing")]
    assert together == b"".join(parts)
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o644}


def test_only_what_changed_is_written(files, directory, authority):
    files.write()
    before = {path.name: path.stat().st_ino for path in directory.iterdir()}
    assert not files.write()
    authority.publish_crls(["user-issuing"])
    assert files.write()
    after = {path.name: path.stat().st_ino for path in directory.iterdir()}
    changed = {name for name in FILES if before[name] != after[name]}
    assert changed == {"user-issuing.crl", "user-issuing.pem", "user.pem"}


def test_what_a_former_run_wrote_stays(files, directory, authority):
    files.write()
    before = {path.name: path.stat().st_ino for path in directory.iterdir()}
    assert CrlFiles(directory, Source(authority)).write()
    assert {path.name: path.stat().st_ino for path in directory.iterdir()} == before


def test_a_place_that_cannot_be_written_is_told(tmp_path, authority):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot create"):
        CrlFiles(tmp_path / "file" / "crls", Source(authority)).write()


class Changes:
    """Tells of one change, and then of none."""

    def __init__(self):
        self.asked = asyncio.Queue()
        self.news = asyncio.Queue()

    async def wait(self, after, _seconds):
        self.asked.put_nowait(after)
        return await self.news.get()


def test_changes_are_followed(files, directory, authority):
    async def run():
        changes = Changes()
        task = asyncio.create_task(files.follow(changes))
        assert await changes.asked.get() == 0
        first = (directory / "user-issuing.crl").read_bytes()
        authority.publish_crls()
        changes.news.put_nowait(7)
        assert await changes.asked.get() == 7
        assert (directory / "user-issuing.crl").read_bytes() != first
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())


def test_a_failure_is_told_once_and_tried_again(tmp_path, authority, caplog):
    (tmp_path / "dir").write_text("")
    files = CrlFiles(tmp_path / "dir", Source(authority))

    async def run():
        changes = Changes()
        task = asyncio.create_task(files.follow(changes))
        for version in (1, 2):
            await changes.asked.get()
            changes.news.put_nowait(version)
        await changes.asked.get()
        (tmp_path / "dir").unlink()
        changes.news.put_nowait(3)
        await changes.asked.get()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert caplog.text.count("the CRL files are not current: cannot create") == 1
    assert {path.name for path in (tmp_path / "dir").iterdir()} == FILES
