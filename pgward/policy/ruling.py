"""Rules the statements of one session, as an edge asks: by messages, in the client's encoding."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from pgward.policy.context import Context
from pgward.policy.rules import Decision, Engine
from pgward.policy.statements import UTF8, classify, function_call

Asked = Literal["query", "parse", "execute", "function"]
_CACHED = 256
_CACHED_BYTES = 4096


class StatementRuler:
    """Decides about messages; holds what one session has been told already.

    ``now`` gives the time. Where no rule looks at the clock, a text is decided once. The client's
    encoding is what its startup message says, then what PostgreSQL reports.
    """

    def __init__(
        self,
        engine: Engine,
        context: Context,
        now: Callable[[], datetime],
        *,
        encoding: str = UTF8,
    ) -> None:
        self._engine = engine
        self._context = context
        self._now = now
        self._encoding = encoding
        self._timeless = engine.timeless
        self._known: dict[tuple[str, bytes], Decision | None] = {}

    def parameter_status(self, name: str, value: str) -> None:
        """Take note of what PostgreSQL reports (ParameterStatus)."""
        if name == "client_encoding" and value != self._encoding:
            self._encoding = value
            self._known.clear()

    def statement(
        self, kind: Asked, text: bytes | None, *, whole: bool, oid: int = 0
    ) -> Decision | None:
        """Return the decision that denies a message, or None; never raises.

        ``text`` is the statement's, of a prepared one what was prepared; ``oid`` the function's.
        """
        if kind == "function":
            one = function_call(oid)
            return _denial(self._engine.statement(self._context, self._now(), one))
        protocol = "simple" if kind == "query" else "extended"
        if text is None or not whole:
            return self._decide(protocol, text or b"", whole=False)
        key = (protocol, text)
        if key in self._known:
            return self._known[key]
        found = self._decide(protocol, text, whole=True)
        if self._timeless and len(text) <= _CACHED_BYTES:
            if len(self._known) >= _CACHED:
                self._known.clear()
            self._known[key] = found
        return found

    def _decide(self, protocol: str, text: bytes, *, whole: bool) -> Decision | None:
        statements = classify(text, encoding=self._encoding, protocol=protocol, whole=whole)
        return _denial(self._engine.text(self._context, self._now(), statements))


def _denial(decision: Decision) -> Decision | None:
    return None if decision.allowed else decision
