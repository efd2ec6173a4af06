"""pgward's own CA for a run: the certificates of every peer, and the edges of the pgward pair."""

import json
import re
import secrets
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench import interpreter
from bench.certificates import Certificates, Leaf
from bench.processes import free_port, run, running, wait_listening
from pgward.core.address import Address

PERSON = "bench"
SERVER_NAME = "localhost"
# Longer than any run, so that HAProxy and stunnel, which do not renew, keep a valid certificate.
_LIFETIMES = {"session_hours": 24, "certificate_minutes": 24 * 60}


def pgward(*arguments: str | Path) -> list[str | Path]:
    """Return the command line of a pgward command."""
    return interpreter.command("-m", "pgward", *arguments)


def home(directory: Path) -> Mapping[str, str]:
    """Return the environment that keeps all of a user's files in ``directory``."""
    return {
        "PGWARD_HOME": str(directory),
        # The login token goes to a file there, not to the keyring of whoever runs the bench.
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }


@dataclass(slots=True)
class Authority:
    """A CA below ``directory``, an administrator, and one person who may use every service."""

    directory: Path
    admin: Mapping[str, str] = field(init=False)
    person: Mapping[str, str] = field(init=False)
    pid: int = 0
    _made: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.admin, self.person = (home(self.directory / who) for who in ("admin", "person"))

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Create the CA, serve it, and log both people in."""
        ca, log = self.directory / "ca", self.directory / "ca.log"
        listen = Address("127.0.0.1", free_port())
        self._create(ca, listen)
        with running(pgward("ca", "serve", ca), log) as process:
            wait_listening(listen, process, log)
            self.pid = process.pid
            self._add_people()
            self.enroll("peers", listen)
            yield self

    def enroll(self, name: str, advertise: Address) -> Path:
        """Enrol an edge that is reached at ``advertise``; return its directory."""
        directory = self.directory / f"edge-{name}"
        token = run(
            pgward("ca", "token", "edge", name, "--dns", SERVER_NAME), env=self.admin
        ).strip()
        argv = pgward("edge", "enroll", directory, "--advertise", str(advertise))
        run([*argv, "--token-file", "-"], stdin=f"{token}\n")
        return directory

    def add_service(self, name: str, edge: str, upstream: Address, **spec: Any) -> None:
        """Declare a service that one edge serves and the person may use; ``spec`` says more."""
        text = json.dumps(
            {
                "kind": "Service",
                "metadata": {"name": name},
                "spec": {
                    "upstream": {"host": upstream.host, "port": upstream.port},
                    "allow": {"users": [PERSON]},
                    "edges": [edge],
                    **(spec or {"sslMode": "disable"}),
                },
            }
        )
        path = self.directory / f"service-{name}.yaml"
        path.write_text(text)  # JSON is YAML
        run(pgward("apply", "-f", path), env=self.admin)

    def certificates(self, directory: Path) -> Certificates:
        """Copy the certificates of this CA for peers that know nothing of it."""
        person = self.directory / "person" / "identity" / "current"
        edge = self.directory / "edge-peers" / "identity" / "current"
        server_roots, user_roots = directory / "server-roots.crt", directory / "user-roots.crt"
        server_roots.write_bytes((person / "ca.crt").read_bytes())
        user_roots.write_text("".join(self._trust(server_roots)["user_roots"]))
        return Certificates(
            server=_copy(directory, "server", edge / "host.crt", edge / "host.key"),
            client=_copy(directory, "client", person / "login.crt", person / "login.key"),
            server_roots=server_roots,
            user_roots=user_roots,
            server_name=SERVER_NAME,
        )

    def _create(self, ca: Path, listen: Address) -> None:
        argv = pgward("ca", "init", ca, "--name", "bench", "--dns", SERVER_NAME)
        self._made = json.loads(run([*argv, "--listen", str(listen), "--output", "json"]))
        settings = ca / "pgward.toml"
        text = settings.read_text()
        for key, value in _LIFETIMES.items():
            text = re.sub(rf"^{key} = \d+$", f"{key} = {value}", text, flags=re.MULTILINE)
        settings.write_text(text)

    def _add_people(self) -> None:
        administrator = Path(self._made["password_file"]).read_text().strip()
        self._log_in(self._made["administrator"], administrator, self.admin)
        password = secrets.token_urlsafe(15)
        argv = pgward("user", "add", PERSON, "--password-stdin")
        run(argv, env=self.admin, stdin=f"{password}\n")
        self._log_in(PERSON, password, self.person)

    def _log_in(self, user: str, password: str, env: Mapping[str, str]) -> None:
        argv = pgward("login", "--ca", self._made["url"], "--user", user, "--password-stdin")
        argv += ["--fingerprint", self._made["fingerprint"]]
        run(argv, env=env, stdin=f"{password}\n")

    def _trust(self, server_roots: Path) -> dict[str, Any]:
        context = ssl.create_default_context(cafile=server_roots)
        with urllib.request.urlopen(f"{self._made['url']}/v1/trust", context=context) as reply:
            trust: dict[str, Any] = json.load(reply)
        return trust


def _copy(directory: Path, name: str, certificate: Path, key: Path) -> Leaf:
    return Leaf.write(directory, name, certificate.read_bytes(), key.read_bytes())
