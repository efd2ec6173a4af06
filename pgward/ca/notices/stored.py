"""The access requests of the store, as the page of a link sees them."""

from datetime import datetime

from sqlalchemy.engine import Connection

from pgward.ca.access import deciding, recording, requests
from pgward.ca.notices.deciding import Asked
from pgward.ca.store import Transaction


class StoredRequests:
    """Implements ``Requests``."""

    def get(self, connection: Connection, request_id: str) -> Asked:
        """Return a request; raise NotFoundError."""
        found = requests.get(connection, request_id)
        return Asked(found.id, recording.facts(found), found.state, found.version)

    def decide(
        self,
        transaction: Transaction,
        asked: Asked,
        by: str,
        *,
        approve: bool,
        reason: str,
        now: datetime,
    ) -> str:
        """Note what a person decided; return the request's new state.

        Raises DeniedError for who may not decide, ConflictError when it is no longer ``asked``.
        """
        done = deciding.decide(
            transaction,
            asked.id,
            by,
            approve=approve,
            reason=reason,
            now=now,
            version=asked.version,
        )
        return done.state
