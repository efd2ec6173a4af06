"""Material from the CA, over this host's machine identity."""

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pgward.client.duties import Duties, Order
from pgward.client.machine import Machine
from pgward.core.clock import Clock, SystemClock
from pgward.core.errors import DeniedError, InvalidInputError, NotFoundError
from pgward.hba.install.duties import HostDuties
from pgward.hba.install.material import Material, crl_to_pem, names_of
from pgward.hba.server.access import Tree, Trees
from pgward.hba.server.datadir import Running
from pgward.hba.server.disk import Disk, acting_as
from pgward.system import files
from pgward.system.postgres import Account

Answer = TypeVar("Answer")

_USER_CAS = "user-"
_HOST = "host"
_MOST_ENTRIES = 1_000
_MOST_BYTES = 4 * 1024 * 1024
_STRANGE = "find out who made it, remove the directory, and enroll again"
_PREFIX = "pgward-host-"
_ABANDONED_SECONDS = 3600.0  # no run takes so long


class MachineSource:
    """A host's identity in ``directory``, enrolled with a join token the first time.

    A token is also used when the identity has expired, is denied, or lacks one of ``names``.

    The directory belongs to the server's account. Root never works in a directory that another
    account controls: it takes a private copy, and puts the outcome back as that account. So it is
    with one of another machine, which ``trees`` reaches; then the copy is in memory, where there
    is a file system for that.
    """

    def __init__(
        self,
        directory: Path,
        owner: Account,
        *,
        token: str | None,
        names: Iterable[str] = (),
        clock: Clock | None = None,
        trees: Trees | None = None,
    ) -> None:
        self._directory = directory
        self._owner = owner
        self._token = token
        self._names = frozenset(name.lower() for name in names)
        self._clock = clock or SystemClock()
        self._trees = trees
        self._orders: tuple[Order, ...] | None = None

    def current(self) -> Material:
        """Return fresh material, renewed when less than a third of the certificate's life is left.

        Raises InvalidInputError when it is not enrolled and has no token, UnavailableError when
        the CA is away, DeniedError when it says no.
        """
        with (
            self._work() as (directory, keep),
            contextlib.closing(self._machine(directory)) as machine,
        ):
            keep()  # at once: a token may be used up by now
            if self._orders is None:
                self._heed(machine)
            user_cas = {n: each for n, each in machine.crls().items() if n.startswith(_USER_CAS)}
            return Material(
                machine.paths.cert.read_bytes(),
                machine.paths.key.read_bytes(),
                "".join(_ended(root) for root in machine.trust()["user_roots"]).encode("ascii"),
                b"".join(crl_to_pem(each) for _, each in sorted(user_cas.items())),
            )

    def ask(self, asked: Callable[[Machine], Answer]) -> Answer:
        """Ask the CA something as this host; raises what ``current`` raises."""
        with (
            self._work() as (directory, keep),
            contextlib.closing(self._machine(directory)) as machine,
        ):
            keep()
            return asked(machine)

    def duties(self, running: Callable[[], Running | None]) -> list[str]:
        """Do what the CA asked of this host before it gave material; return what was not right.

        What it asks since then, this material may not know: that is for the next run.
        """
        if not self._orders:
            return []
        with (
            self._work() as (directory, _),
            contextlib.closing(Machine.load(directory, clock=self._clock)) as machine,
        ):
            return HostDuties(machine, running).run(self._orders)

    def _machine(self, directory: Path) -> Machine:
        try:
            machine = Machine.load(directory, clock=self._clock)
        except NotFoundError:
            return self._enroll(directory)
        if self._usable(machine) and self._renewed(machine):
            return machine
        machine.close()
        return self._enroll(directory)

    def _usable(self, machine: Machine) -> bool:
        """Tell whether the identity will do; with a token, one that lacks names will not."""
        if machine.kind != _HOST or machine.not_after <= self._clock.now():
            return False
        return self._token is None or self._names <= names_of(machine.leaf)

    def _renewed(self, machine: Machine) -> bool:
        """Renew when it is due; False when the CA denies it and a token may still do."""
        leaf = machine.leaf
        life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        try:
            machine.ensure_certificate(life / 3)
            self._heed(machine)
        except DeniedError:
            if self._token is None:
                raise
            return False
        return True

    def _heed(self, machine: Machine) -> None:
        """Learn what the CA asks for; what it gives from now on is enough to show it."""
        asked = Duties(machine).ask()
        if asked.renew:
            machine.renew()
        self._orders = asked.orders

    def _enroll(self, directory: Path) -> Machine:
        if self._token is None:
            raise InvalidInputError(
                "this host is not enrolled with the CA, or its certificate has expired",
                hint="an administrator makes a token, `pgward ca token host NAME --dns …`; give "
                "it with --token-file FILE, or --token-file - for standard input",
            )
        machine = Machine.enroll(directory, self._token, advertise=None, clock=self._clock)
        if machine.kind != _HOST:
            raise InvalidInputError(
                f"that token is for an {machine.kind}, not for a PostgreSQL host",
                hint="make one with: pgward ca token host NAME",
            )
        return machine

    @contextlib.contextmanager
    def _work(self) -> Iterator[tuple[Path, Callable[[], None]]]:
        """Give a directory to work in, and what keeps its content where it belongs."""
        if self._trees is None and os.geteuid() == self._owner.uid:
            yield self._directory, lambda: None
            return
        place = None if self._trees is None else _memory()
        _remove_abandoned(place)
        with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=place) as name:
            work = Path(name) / "machine"
            before = self._read()
            _check_links(before, self._directory)
            _write(work, before)

            def keep() -> None:
                nonlocal before
                after = _read(work)
                if after != before:
                    self._put(after)
                    before = after

            try:
                yield work, keep
            finally:
                keep()  # also after a failure

    def _read(self) -> Tree:
        if self._trees is not None:
            return self._trees.read(self._directory)
        _finish_swap(self._directory, self._owner)
        return _tree(self._directory, self._owner)

    def _put(self, tree: Tree) -> None:
        if self._trees is not None:
            self._trees.put(self._directory, tree)
        else:
            _put(self._directory, self._owner, tree)


def _memory() -> Path | None:
    """Return a directory that is no disk, for keys that are another machine's; None without."""
    path = Path("/dev/shm")  # noqa: S108 - mkdtemp makes it private
    return path if os.access(path, os.W_OK) else None


def _remove_abandoned(place: Path | None) -> None:
    """Remove copies, with the host's key in them, that runs which were killed left behind."""
    for old in (place or Path(tempfile.gettempdir())).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another run removes it, too
            status = old.lstat()
            if status.st_uid == os.geteuid() and time.time() - status.st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(old, ignore_errors=True)


def _tree(directory: Path, owner: Account) -> Tree:
    try:
        with acting_as(owner):
            return _read(directory)
    except OSError as error:
        raise InvalidInputError(
            f"the host's identity cannot be read: {(error.strerror or str(error)).lower()}",
            where=str(directory),
            hint=_STRANGE,
        ) from error


def _check_links(tree: Tree, directory: Path) -> None:
    """Raise InvalidInputError unless every symlink names a directory beside it in the tree.

    Root follows the links of its copy, so one that leads elsewhere would have root read, write
    and remove what the account that made it cannot.
    """
    for name, content in tree.items():
        parent = Path(name).parent
        inside = parent == Path() or tree.get(str(parent), b"") is None
        if isinstance(content, Path):
            beside = len(content.parts) == 1 and content.name == str(content)
            inside = inside and beside and tree.get(str(parent / content), b"") is None
        if not inside:
            raise InvalidInputError(
                "a symlink in the host's identity leads out of it",
                where=str(directory / name),
                hint=_STRANGE,
            )


def _read(directory: Path) -> Tree:
    """Read it all, within the bounds of an identity: the account could fill root's memory."""
    found: Tree = {}
    left = _MOST_BYTES
    for number, path in enumerate(directory.rglob("*")):
        if number == _MOST_ENTRIES:
            raise OSError(errno.EFBIG, f"it has more than {_MOST_ENTRIES} files")
        name = str(path.relative_to(directory))
        if path.is_symlink():
            found[name] = path.readlink()
        elif path.is_dir():
            found[name] = None
        elif path.is_file():
            content = files.read_regular(path, left)
            left -= len(content)
            found[name] = content
    return dict(sorted(found.items()))


def _write(directory: Path, tree: Tree) -> None:
    """Make ``directory`` with this content, private to whoever we act as."""
    directory.mkdir(mode=0o700)
    for name, content in tree.items():
        path = directory / name
        if content is None:
            path.mkdir(mode=0o700)
        elif isinstance(content, Path):
            path.symlink_to(content)
        else:
            files.write_new(path, content)


def _put(directory: Path, owner: Account, tree: Tree) -> None:
    """Replace the directory's content, so that a crash leaves the old or the new one whole."""
    fresh = directory.with_name(f".{directory.name}.new")
    partial = directory.with_name(f".{directory.name}.partial")
    Disk(owner).remove(partial)
    with acting_as(owner):
        _write(partial, tree)
        files.sync_dir(partial)
        partial.rename(fresh)
    _finish_swap(directory, owner)


def _finish_swap(directory: Path, owner: Account) -> None:
    """Complete a replacement that was cut off after the new content was whole."""
    fresh = directory.with_name(f".{directory.name}.new")
    if fresh.is_dir():
        Disk(owner).remove(directory)
        with acting_as(owner):
            fresh.rename(directory)


def _ended(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"
