"""Signs the log's tree heads: when it has grown, and once a day as a sign of life."""

from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from pgward.ca.store import Store, Transaction, log, log_heads
from pgward.ca.store.log_heads import SignedHead
from pgward.ca.store.purge import Write
from pgward.core.clock import Clock
from pgward.core.errors import UnavailableError
from pgward.pki import tree_head
from pgward.pki.tree_head import TreeHead

_SIGN_OF_LIFE = timedelta(days=1)


class HeadSigner:
    """Signs with the log's key; safe to call from any thread, and by several replicas."""

    def __init__(self, store: Store, key: ec.EllipticCurvePrivateKey, clock: Clock) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self.log_id = tree_head.log_id(key.public_key())
        self.public_key = tree_head.dump_key(key.public_key())

    def newest(self) -> SignedHead:
        """Return the head signed last, signing the first one if there is none."""
        with self._store.read() as connection:
            found = log_heads.newest(connection)
        return found or self.sign()

    def covering(self, size: int) -> SignedHead:
        """Return a head of at least ``size`` leaves; it is signed now if need be."""
        found = self.newest()
        return found if found.head.size >= size else self.sign()

    def sign_if_due(self, every: timedelta, *, write: Write | None = None) -> SignedHead:
        """Sign when the log grew and the last head is that old, or when it is a day old.

        ``write`` opens the writing transaction in the place of the store's.
        """
        found, now = self.newest(), self._clock.now()
        age = now - found.head.time
        if age >= _SIGN_OF_LIFE:
            return self.sign(write)
        if timedelta() <= age < every:  # less than none: the clock was put back
            return found
        with self._store.read() as connection:
            size = log.state(connection).size
        return self.sign(write) if size > found.head.size else found

    def sign(self, write: Write | None = None) -> SignedHead:
        """Sign a head of the log as it is now; UnavailableError when another key signed before."""
        with (write or self._store.write)() as transaction:
            last = log_heads.newest(transaction.connection)
            if last is not None and last.head.log_id != self.log_id:
                raise UnavailableError(
                    f"the log's heads are signed with another key, of log {last.head.log_id}",
                    hint="copy keys/log.key and certs/log.pub from the replica that has signed",
                )
            self._store.vouch(transaction.connection)  # never two logs under one key
            return self._sign(transaction, last)

    def _sign(self, transaction: Transaction, last: SignedHead | None) -> SignedHead:
        state = log.state(transaction.connection)
        time = self._time(last)
        head = TreeHead(self.log_id, state.size, state.root, time)
        number = 1 if last is None else last.number + 1
        return log_heads.save(transaction, head, tree_head.sign(head, self._key), number)

    def _time(self, last: SignedHead | None) -> datetime:
        """Return the time in whole seconds, never before the last head's: clocks are put back."""
        now = self._clock.now().replace(microsecond=0)
        return now if last is None else max(now, last.head.time)
