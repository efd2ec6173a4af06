"""Where the dashboard gets its answers from."""

from pathlib import Path
from typing import Any, Protocol

from pgward.tunnel.agent.client import AgentClient, ask


class Source(Protocol):
    """Answers as the agent does; every call raises PgwardError, and may take its time."""

    def live(self, after: int) -> dict[str, Any]:
        """Return tunnels, connections, and what happened since event ``after``."""
        ...

    def services(self) -> list[dict[str, Any]]:
        """Return the services that the person may use."""
        ...

    def connect(self, service: str) -> str:
        """Open a tunnel; return where it listens."""
        ...

    def disconnect(self, service: str) -> None:
        """Close a tunnel."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class AgentSource:
    """Asks the agent of a home; looks for it again when it has ended."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._client: AgentClient | None = None

    def live(self, after: int) -> dict[str, Any]:
        """Ask on one connection, time and again."""
        try:
            if self._client is None:
                self._client = AgentClient(self._home)
            return self._client.call("live", after=after)
        except BaseException:  # whatever it was: the next look begins anew
            self.close()
            raise

    def services(self) -> list[dict[str, Any]]:
        """Ask on a connection of its own: the CA may be slow."""
        found: list[dict[str, Any]] = ask(self._home, "services")["services"]
        return found

    def connect(self, service: str) -> str:
        """Ask on a connection of its own, for the same reason."""
        running = ask(self._home, "connect", service=service)["running"]
        host = str(running["host"])
        return host if host.startswith("/") else f"{host}:{running['port']}"

    def disconnect(self, service: str) -> None:
        """Have it closed."""
        ask(self._home, "disconnect", service=service)

    def close(self) -> None:
        """Let go of the connection, if there is one."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
