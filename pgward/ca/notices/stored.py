"""The access requests of the store, as the page of a link sees them."""

from datetime import datetime

from sqlalchemy.engine import Connection

from pgward.access import flows
from pgward.ca.access import deciding, declared, recording, requests
from pgward.ca.notices.deciding import Asked
from pgward.ca.store import Transaction


class StoredRequests:
    """Implements ``Requests``."""

    def get(self, connection: Connection, request_id: str) -> Asked:
        """Return a request; raise NotFoundError."""
        found = requests.get(connection, request_id)
        bundles = declared.bundles(connection, found.rights.bundles)
        inside = {
            name: flows.described(flows.Asked(rights=each.rights()))
            for name, each in bundles.items()
        }
        return Asked(found.id, recording.facts(found), found.state, found.version, inside)

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
