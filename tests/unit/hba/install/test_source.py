import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.client.duties import Order
from pgward.core.errors import DeniedError, InvalidInputError, NotFoundError, UnavailableError
from pgward.hba.install import source as module
from pgward.hba.install.material import read_crls
from pgward.hba.install.source import MachineSource
from pgward.system.postgres import Account, temporary_directory
from tests.fixtures.material import SmallCa

ME = Account("me", os.geteuid(), os.getegid())
OTHER = Account("nobody", 65534, 65534)


@dataclass
class Clock:
    moment: datetime

    def now(self) -> datetime:
        return self.moment


def fake_machine(ca: SmallCa, log: list[str]) -> type:  # noqa: C901 - a class, not a branch
    """A stand-in for pgward.client.machine.Machine, which keeps a file per certificate."""

    class FakeMachine:
        def __init__(self, directory: Path) -> None:
            self.directory = directory
            self.kind = (directory / "kind").read_text()
            self.leaf = ca.current().leaf
            self.not_after = self.leaf.not_valid_after_utc
            self.paths = SimpleNamespace(cert=directory / "current/cert", key=directory / "key")

        @classmethod
        def load(cls, directory: Path, *, clock: Clock) -> "FakeMachine":
            log.append(f"load at {clock.now():%Y}")
            if not (directory / "kind").exists():
                raise NotFoundError("none")
            return cls(directory)

        @classmethod
        def enroll(cls, directory: Path, token: str, **_: object) -> "FakeMachine":
            log.append(f"enroll {token}")
            if token == "used":
                raise UnavailableError("away")
            directory.mkdir(exist_ok=True)
            (directory / "g1").mkdir(exist_ok=True)
            (directory / "g1" / "cert").write_bytes(b"a certificate")
            (directory / "key").write_bytes(b"a key")
            (directory / "kind").write_text("edge" if token == "edge" else "host")
            if not (directory / "current").is_symlink():
                (directory / "current").symlink_to("g1")
            return cls(directory)

        def ensure_certificate(self, margin: timedelta) -> None:
            log.append(f"renew with {margin.days} days left")
            if "denied" in log:
                raise DeniedError("the machine was removed")

        def call(self, *_: object) -> dict[str, object]:
            return {"renew": False, "orders": []}

        def trust(self) -> dict[str, list[str]]:
            return {"user_roots": ["root one\n", "root two"], "server_roots": []}

        def crls(self) -> dict[str, bytes]:
            lists = [each.public_bytes(Encoding.DER) for each in read_crls(ca.crls())]
            return {"user-root": lists[0], "user-issuing": lists[1], "server-root": b"not ours"}

        def close(self) -> None:
            log.append("close")

    return FakeMachine


@pytest.fixture
def log(monkeypatch, small_ca) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(module, "Machine", fake_machine(small_ca, said))
    return said


@pytest.fixture
def source(tmp_path) -> Callable[..., MachineSource]:
    def make(
        token: str | None = None,
        *,
        owner: Account = ME,
        at: Path = tmp_path,
        days: int = 0,
        names: tuple[str, ...] = (),
    ) -> MachineSource:
        clock = Clock(datetime.now(UTC) + timedelta(days=days))
        return MachineSource(at / "machine", owner, token=token, names=names, clock=clock)

    return make


def test_enrolled_once(source, log, small_ca) -> None:
    material = source("token").current()
    assert (material.certificate, material.key) == (b"a certificate", b"a key")
    assert material.user_ca == b"root one\nroot two\n"
    assert {each.issuer for each in material.revocation_lists} == {
        small_ca.users.root.certificate.subject,
        small_ca.users.issuing.certificate.subject,
    }
    assert source().current() == material
    assert source("used").current() == material
    assert log.count("enroll token") == 1
    assert "renew with 10 days left" in log
    assert log.count("close") == 3


def test_something_else_is_asked_as_the_host(source, log) -> None:
    source("token").current()
    assert source().ask(lambda machine: machine.kind) == "host"
    assert log.count("enroll token") == 1


def test_no_token(source, log) -> None:
    with pytest.raises(InvalidInputError, match="not enrolled") as caught:
        source().current()
    assert "pgward ca token host" in caught.value.hint
    assert [each[:4] for each in log] == ["load"]


def test_an_expired_identity_needs_a_new_token(source, log) -> None:
    source("token").current()
    with pytest.raises(InvalidInputError, match="expired"):
        source(days=31).current()
    source("again", days=31).current()
    assert "enroll again" in log


def test_a_name_that_the_identity_lacks_needs_the_token(source, log) -> None:
    source("token").current()
    source("token", names=("LocalHost",)).current()
    source(names=("db9.test",)).current()
    assert log.count("enroll token") == 1
    source("better", names=("db9.test",)).current()
    assert "enroll better" in log


def test_an_identity_that_is_denied_needs_the_token(source, log) -> None:
    source("token").current()
    log.append("denied")
    with pytest.raises(DeniedError):
        source().current()
    source("again").current()
    assert "enroll again" in log


def test_a_token_for_an_edge(source, log) -> None:
    with pytest.raises(InvalidInputError, match="for an edge, not for a PostgreSQL host"):
        source("edge").current()
    source("token").current()
    assert log.count("enroll token") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_works_on_a_copy_and_puts_it_back(source, log, small_ca) -> None:
    assert small_ca
    with temporary_directory() as directory:
        os.chown(directory, OTHER.uid, OTHER.gid)
        material = source("token", owner=OTHER, at=directory).current()
        machine = directory / "machine"
        assert {p.lstat().st_uid for p in (machine, *machine.rglob("*"))} == {OTHER.uid}
        assert machine.stat().st_mode & 0o777 == 0o700
        assert (machine / "current").is_symlink()
        assert source(owner=OTHER, at=directory).current() == material
        assert [p.name for p in directory.iterdir()] == ["machine"]
    assert log.count("enroll token") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_an_identity_is_kept_before_the_next_request(source, log, monkeypatch) -> None:
    """A run that is killed while it fetches lists must not lose what cost the token."""
    there: list[bytes] = []
    with temporary_directory() as directory:
        os.chown(directory, OTHER.uid, OTHER.gid)
        crls = module.Machine.crls

        def look(machine):
            there.append((directory / "machine" / "key").read_bytes())
            return crls(machine)

        monkeypatch.setattr(module.Machine, "crls", look)
        source("token", owner=OTHER, at=directory).current()
    assert there == [b"a key"]
    assert "enroll token" in log


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_copies_that_killed_runs_left_are_removed(source, log, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("pgward-host-old", "pgward-host-new", "pgward-host-others", "else"):
        (tmp_path / name / "machine").mkdir(parents=True)
        if name != "pgward-host-new":
            os.utime(tmp_path / name, (0, 0))
    os.chown(tmp_path / "pgward-host-others", OTHER.uid, OTHER.gid)
    with temporary_directory() as directory:
        os.chown(directory, OTHER.uid, OTHER.gid)
        source("token", owner=OTHER, at=directory).current()
        left = {path.name for path in tmp_path.iterdir()} - {directory.name}
    assert left == {"pgward-host-new", "pgward-host-others", "else"}
    assert "enroll token" in log


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_swap_that_was_cut_off_is_finished(source, log) -> None:
    with temporary_directory() as directory:
        os.chown(directory, OTHER.uid, OTHER.gid)
        material = source("token", owner=OTHER, at=directory).current()
        (directory / "machine").rename(directory / ".machine.new")
        (directory / ".machine.partial").mkdir()
        assert source(owner=OTHER, at=directory).current() == material
    assert log.count("enroll token") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("name", ["key", "identity", "current", "g1/cert"])
@pytest.mark.parametrize("target", ["{}", "../precious", "..", ".", "nothing"])
def test_root_follows_no_link_out_of_the_identity(source, log, name, target) -> None:
    with temporary_directory() as directory:
        os.chown(directory, OTHER.uid, OTHER.gid)
        source("token", owner=OTHER, at=directory).current()
        precious = directory / "precious"
        precious.mkdir()
        (precious / "file").write_text("root's")
        link = directory / "machine" / name
        link.unlink(missing_ok=True)
        link.symlink_to(target.format(precious))
        with pytest.raises(InvalidInputError, match="leads out of it"):
            source(owner=OTHER, at=directory).current()
        assert [each.read_text() for each in precious.iterdir()] == ["root's"]
    assert len([line for line in log if line.startswith("load")]) == 1


def test_an_identity_has_bounds(tmp_path, fifo, monkeypatch) -> None:
    (tmp_path / "key").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("key")
    fifo(tmp_path / "fifo")
    assert module._tree(tmp_path, ME) == {"key": b"12345", "link": Path("key")}
    monkeypatch.setattr(module, "_MOST_BYTES", 4)
    with pytest.raises(InvalidInputError, match="cannot be read: it has more than 4 bytes"):
        module._tree(tmp_path, ME)
    monkeypatch.setattr(module, "_MOST_ENTRIES", 2)
    monkeypatch.setattr(module, "_MOST_BYTES", 100)
    with pytest.raises(InvalidInputError, match="it has more than 2 files") as caught:
        module._tree(tmp_path, ME)
    assert "enroll again" in caught.value.hint


def test_a_tree_whose_directory_became_a_link_while_it_was_read() -> None:
    tree: module.Tree = {"a": Path("b"), "a/file": b"", "b": None}
    with pytest.raises(InvalidInputError, match="leads out of it"):
        module._check_links(tree, Path("/machine"))


def test_what_is_asked_is_known_before_the_material(source, log, monkeypatch) -> None:
    """Or a rotation that begins in between would ask for what this material cannot show."""
    order = {"rotation": "r", "phase": "p", "need": "take", "issuer": ""}
    done: list[object] = []

    def call(_: object, method: str, path: str, _fields: object) -> dict[str, object]:
        log.append(f"{method} {path}")
        return {"renew": False, "orders": [order]}

    class Carried:
        def __init__(self, *_: object) -> None: ...

        def run(self, orders: object) -> list[str]:
            done.append(orders)
            return ["no"]

    monkeypatch.setattr(module.Machine, "call", call)
    monkeypatch.setattr(module, "HostDuties", Carried)
    made = source("token")
    monkeypatch.setattr(
        module.Machine, "crls", spied(log, "crls", module.Machine.crls), raising=True
    )
    made.current()
    assert log.index("GET /v1/machine/orders") < log.index("crls")
    assert made.duties(lambda: None) == ["no"]
    assert done == [(Order("r", "p", "take", b""),)]
    assert log.count("GET /v1/machine/orders") == 1


def spied(log: list[str], said: str, function: Callable[..., object]) -> Callable[..., object]:
    def act(*arguments: object) -> object:
        log.append(said)
        return function(*arguments)

    return act
