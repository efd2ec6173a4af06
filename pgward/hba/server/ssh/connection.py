"""One SSH connection, driven from ordinary code; its event loop has a thread of its own."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self, TypeVar

from pgward.core.errors import DeniedError, PgwardError, UnavailableError
from pgward.hba.server.ssh.target import Target

Value = TypeVar("Value")
_LOGIN_SECONDS = 30
_ALIVE_SECONDS = 15  # asked so often whether it is there
_CLOSE_SECONDS = 10.0
_CHUNK = 64 * 1024
AGAIN = "run it again: what this run began is undone or finished first"


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def said(self) -> str:
        """The reason in its last line of errors."""
        lines = self.stderr.strip().splitlines()
        return lines[-1].rpartition(": ")[2].lower() if lines else f"exit code {self.status}"


class Connection:
    """Commands and ports of one machine; a context manager.

    The machine's key must be known (~/.ssh/known_hosts); nobody is asked for anything.
    """

    _loop: asyncio.AbstractEventLoop
    _thread: threading.Thread

    def __init__(
        self, target: Target, *, key: Path | None = None, known_hosts: Path | None = None
    ) -> None:
        self.target = target
        self._key, self._known_hosts = key, known_hosts
        self._ssh = _library()
        self._client: Any = None
        self._pumps: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ssh", daemon=True)
        self._thread.start()
        try:
            self._client = self._connected()
        except BaseException:  # Ctrl-C and SIGTERM as well leave no loop and no thread
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            with contextlib.suppress(PgwardError, TimeoutError):  # it may be gone already
                self.wait(self._close(), _CLOSE_SECONDS)
        finally:
            self._stop()

    def _connected(self) -> Any:
        try:
            return self.wait(self._connect(), _LOGIN_SECONDS * 2)
        except TimeoutError as error:
            raise UnavailableError(
                f"{self.target} did not answer by SSH in time", hint="is it up, and its port open?"
            ) from error

    async def process(self, line: str) -> Any:
        """Give a command to the login shell, with its input open; from within ``wait``."""
        return await self._client.create_process(line, encoding=None)

    def soon(self, work: Callable[[], object]) -> None:
        """Have something done by the event loop, and do not wait for it."""
        self._loop.call_soon_threadsafe(work)

    def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect to a port from there; raise OSError, or PgwardError if it is forbidden."""
        ours, theirs = socket.socketpair()
        try:
            refused = self.wait(self._tunnel(theirs, host, port), timeout)
        except BaseException:  # whatever it was, Ctrl-C too, no descriptor stays open
            ours.close()
            theirs.close()
            raise
        if refused is not None:
            ours.close()
            theirs.close()
            raise ConnectionRefusedError(refused)
        ours.settimeout(timeout)
        return ours

    def wait(self, work: Coroutine[Any, Any, Value], timeout: float) -> Value:
        """Do asynchronous work; its failures become ours."""
        future: Future[Value] = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            raise
        except self._ssh.PermissionDenied as error:
            raise DeniedError(
                f"{self.target} lets nobody in with your keys",
                hint="add a key to the SSH agent, or name one: --ssh-key FILE",
            ) from error
        except self._ssh.HostKeyNotVerifiable as error:
            raise DeniedError(
                f"the host key of {self.target} is not known, or not the known one",
                hint=f"look at it over another way, then: ssh {self.target} (known_hosts)",
            ) from error
        except self._ssh.KeyImportError as error:
            raise PgwardError(
                f"an SSH key cannot be used: {error}",
                hint="put a key with a passphrase into the SSH agent: ssh-add",
            ) from error
        except (self._ssh.Error, OSError) as error:
            raise UnavailableError(
                f"the SSH connection to {self.target} failed: {error}", hint=AGAIN
            ) from error
        finally:
            future.cancel()  # nothing, when it is done

    async def _connect(self) -> Any:
        options: dict[str, Any] = {
            "login_timeout": _LOGIN_SECONDS,
            "connect_timeout": _LOGIN_SECONDS,
            "keepalive_interval": _ALIVE_SECONDS,
            "password_auth": False,
            "kbdint_auth": False,
        }
        if self.target.user is not None:
            options["username"] = self.target.user
        if self.target.port is not None:
            options["port"] = self.target.port
        if self._key is not None:
            options["client_keys"] = [str(self._key)]
        if self._known_hosts is not None:
            options["known_hosts"] = str(self._known_hosts)
        return await self._ssh.connect(self.target.host, **options)

    async def _close(self) -> None:
        self._client.close()
        await self._client.wait_closed()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _tunnel(self, near: socket.socket, host: str, port: int) -> str | None:
        """Join a socket with a port there; return why the port refused."""
        try:
            reader, writer = await self._client.open_connection(host, port, encoding=None)
        except self._ssh.ChannelOpenError as error:
            if error.code == self._ssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
                raise PgwardError(
                    f"the SSH server of {self.target} lets nobody reach port {port} through it",
                    hint="AllowTcpForwarding local in its sshd_config; nothing was changed",
                ) from error
            return str(error.reason)
        near.setblocking(False)
        mine, theirs = await asyncio.open_connection(sock=near)
        for source, sink in ((mine, writer), (reader, theirs)):
            task = self._loop.create_task(_pump(source, sink))
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)
        return None


async def _pump(source: Any, sink: Any) -> None:
    """Carry bytes one way until the end, or until either side is gone."""
    try:
        with contextlib.suppress(OSError, EOFError):
            while data := await source.read(_CHUNK):
                sink.write(data)
                await sink.drain()
    finally:
        sink.close()


def _library() -> ModuleType:
    try:
        import asyncssh  # noqa: PLC0415 - an extra, and slow
    except ImportError as error:
        raise PgwardError(
            "--ssh needs the package asyncssh", hint="pip install 'pgward[ssh]'"
        ) from error
    return asyncssh
