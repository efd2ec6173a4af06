"""An act: a change of the store together with its audit event, or the event of its refusal."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pgward.audit.events import MAX_TEXT, AuditEvent, Outcome
from pgward.ca import caller, observe
from pgward.ca.identity import directory, sessions
from pgward.ca.store import Store, Transaction
from pgward.core.clock import Clock
from pgward.core.errors import DeniedError, LoginNeededError, PgwardError, UnavailableError


class RefusedError(DeniedError):
    """A refusal whose message is what the caller may know; ``why`` is for the audit log."""

    def __init__(self, told: str, *, why: str, hint: str | None) -> None:
        super().__init__(told, hint=hint)
        self.why = why


@dataclass(slots=True)
class Act:
    """What is being done; the code that does it may complete ``target`` and ``details``."""

    transaction: Transaction
    actor: str
    action: str
    target: str | None
    details: dict[str, Any] = field(default_factory=dict)
    # False when it turned out that there was nothing to do.
    worth_recording: bool = True


class Acts:
    """Starts acts and records refusals."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    @contextmanager
    def act(self, actor: str, action: str, target: str | None = None) -> Iterator[Act]:
        """Yield an act in a writing transaction; its event commits with it.

        A PgwardError rolls it back, is recorded as a refusal or failure, and passes on. So does
        LoginNeededError and DeniedError, when who asks may do so no longer.
        """
        try:
            with self.unrecorded(actor, action, target) as act:
                yield act
        except UnavailableError:
            raise  # the store cannot take the event either
        except PgwardError as error:
            self.refused(actor, action, target, error)
            raise

    @contextmanager
    def unrecorded(self, actor: str, action: str, target: str | None = None) -> Iterator[Act]:
        """Yield an act as ``act`` does; a refusal or failure is for the caller to put on record."""
        with self._store.write() as transaction:
            self._look_again(transaction)
            act = Act(transaction, actor, action, target)
            yield act
            if act.worth_recording:
                event = self._event(act.actor, action, act.target, details=act.details)
                transaction.record(event)
        observe.event("act", action=action, outcome="ok")

    def also(self, act: Act) -> None:
        """Record an act that is done in another one's transaction, with that."""
        act.transaction.record(self._event(act.actor, act.action, act.target, details=act.details))

    def refused(
        self,
        actor: str,
        action: str,
        target: str | None,
        error: PgwardError,
        details: dict[str, Any] | None = None,
    ) -> None:
        """Record that an act was refused (it is the caller's fault) or failed."""
        refused = isinstance(error, DeniedError | LoginNeededError)
        reason = error.why if isinstance(error, RefusedError) else error.message
        event = self._event(
            actor,
            action,
            target,
            outcome="denied" if refused else "failed",
            reason=reason[:MAX_TEXT],
            details=details,
        )
        observe.event("act", action=action, outcome=event.outcome)
        with self._store.write() as transaction:
            transaction.record(event)

    def _look_again(self, transaction: Transaction) -> None:
        """Look again whether the login session lives that asks: a change waits for its turn.

        Meanwhile the session may have been ended, here or at another replica, and its owner may be
        no administrator any more. A request's later acts may follow one that did this to itself.
        """
        request = caller.asked.get()
        if request is None or request.session is None:
            return
        connection, group = transaction.connection, request.group
        if not sessions.is_alive(connection, request.session, self._clock.now()):
            raise LoginNeededError("your login session has ended")
        if group is not None and not directory.is_member(connection, group, request.actor or ""):
            raise DeniedError(f"only a member of {group} may do this")
        request.session = None

    def _event(
        self,
        actor: str,
        action: str,
        target: str | None,
        *,
        outcome: Outcome = "ok",
        reason: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> AuditEvent:
        return AuditEvent.make(
            time=self._clock.now(),
            actor=actor,
            action=action,
            outcome=outcome,
            target=target and target[:MAX_TEXT],  # an address may hold what is no name
            reason=reason,
            client=caller.client.get(),
            details=details,
        )
