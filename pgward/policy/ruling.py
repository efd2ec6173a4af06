"""Rules the statements of one session, as an edge asks: by messages, in the client's encoding."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from pgward.policy.context import Context, Statement
from pgward.policy.rules import Decision, Engine
from pgward.policy.skeleton import skeleton
from pgward.policy.statements import UTF8, classify, function_call, unread

Asked = Literal["query", "parse", "execute", "function"]
_UNSEEN, _TOO_LONG = "what it executes was not seen here", "it is too long"
_UNKNOWN = Decision(allowed=False)
_CACHED = 128
_CACHED_BYTES = 2048


class StatementRuler:
    """Decides about messages; holds what one session has been told already.

    ``now`` gives the time. Where no rule looks at the clock, a text is decided once; where none
    looks at texts, those that differ in literals only are allowed alike. The client's encoding is
    what its startup message says, then what PostgreSQL reports.
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
        self._textless = engine.textless
        self._known: dict[tuple[str, bytes], Decision | None] = {}

    def parameter_status(self, name: str, value: str) -> None:
        """Take note of what PostgreSQL reports (ParameterStatus)."""
        if name == "client_encoding" and value != self._encoding:
            self._encoding = value
            self._known.clear()

    def statement(self, kind: Asked, text: bytes | None, *, whole: bool) -> Decision | None:
        """Return the decision that denies a message, or None; never raises.

        ``text`` is the statement's, of a prepared one what was prepared (None: that was not seen),
        of a function call the function's OID in digits. Not ``whole``: it is longer than this.
        """
        if kind == "function":
            return self._one(function_call(int(text or b"0")))
        protocol = "simple" if kind == "query" else "extended"
        if text is None or not whole:
            why = _UNSEEN if text is None else _TOO_LONG
            return self._one(unread(why, whole=False, protocol=protocol))
        known = self._known
        key = (protocol, text)
        if key in known:
            return known[key]
        if not self._timeless or len(text) > _CACHED_BYTES:
            return self._decide(protocol, text)
        plain = skeleton(text) if self._textless else None
        if plain is not None and plain != text:
            key = (protocol, plain)
            if known.get(key, _UNKNOWN) is None:
                return None
        found = self._decide(protocol, text)
        if len(known) >= _CACHED:
            known.clear()
        known[key] = found
        return found

    def _decide(self, protocol: str, text: bytes) -> Decision | None:
        statements = classify(text, encoding=self._encoding, protocol=protocol)
        return _denial(self._engine.text(self._context, self._now(), statements))

    def _one(self, statement: Statement) -> Decision | None:
        return _denial(self._engine.statement(self._context, self._now(), statement))


def _denial(decision: Decision) -> Decision | None:
    return None if decision.allowed else decision
