"""The table of upkeep: what `ca serve` does again and again. A new job is a line here."""

from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Protocol

from pgward.ca import timekeeping
from pgward.ca.access import settling
from pgward.ca.archive import purging
from pgward.ca.archive.archive import Archive
from pgward.ca.authority import Authority
from pgward.ca.identity import endings
from pgward.ca.keys.sealing import Sealer
from pgward.ca.log.head_signer import HeadSigner
from pgward.ca.recordings import keys as recording_keys
from pgward.ca.recordings import purging as recordings
from pgward.ca.recovering import Recovery
from pgward.ca.reviews import reminding
from pgward.ca.revoking.crl_alarm import CrlAlarm
from pgward.ca.secrets import store_keys
from pgward.ca.store import Store
from pgward.ca.store.leadership import Leadership
from pgward.ca.store.log_purge import Policy, purge_certificates
from pgward.ca.store.purge import Write, purge
from pgward.ca.upkeep import Job
from pgward.core.clock import Clock

_ROUNDS = 10  # of a purge, at one time
# No key begins so: a bucket that answers, is there, and lets us list has answered with nothing.
_NOTHING = "nothing/"


Purge = Callable[..., int]
"""Removes what is old, and returns how much."""


class Renewable(Protocol):
    """The certificate of our own listener."""

    def renew_if_due(self) -> bool:
        """Get a new one in time; tell whether it was."""
        ...


class Tidied(Protocol):
    """The ACME server."""

    def keep_fresh(self, now: datetime) -> None:
        """Go on with what a process left behind, and remove what ended long ago."""
        ...


def begin(authority: Authority, leadership: Leadership) -> None:
    """Do what must be done before the first request."""
    if leadership.is_leader():
        authority.publish_crls()
    else:
        renew_crls(authority)


def table(
    authority: Authority,
    certificate: Renewable,
    store: Store,
    leadership: Leadership,
    heads: HeadSigner,
    *,
    acme: Tidied | None = None,
    sealer: Sealer | None = None,
) -> list[Job]:
    """Return every job; those that change what all replicas share are the leader's.

    A job of the leader's that commits does it inside ``leadership.write()``.
    """

    def crls() -> None:
        renew_crls(authority, leadership.write)

    def old() -> None:
        purge(store, authority.clock.now(), write=leadership.write)

    ledger = authority.settings.ledger
    keeps = ledger.keep_expired_days > 0

    def expired() -> None:
        policy = Policy(timedelta(days=ledger.keep_expired_days))
        purge_certificates(store, authority.clock.now(), policy, write=leadership.write)

    def head() -> None:
        heads.sign_if_due(timedelta(seconds=ledger.head_seconds), write=leadership.write)

    def ended_accounts() -> None:
        endings.end_due(store, authority, authority.clock, write=leadership.write)

    watch = timekeeping.Watch(store)

    def clock() -> None:
        watch.look(authority.clock.now(), write=leadership.write)

    def acme_orders() -> None:
        if acme is not None:
            acme.keep_fresh(authority.clock.now())

    return [
        Job("API certificate", 30, certificate.renew_if_due),
        Job("revocation lists", 30, crls, leader_only=True),
        Job("revocation list alarm", 30, CrlAlarm(authority, store, authority.clock).look),
        Job("purge", 30, old, leader_only=True),
        *([Job("expired certificates", 30, expired, leader_only=True)] if keeps else []),
        Job("ended accounts", 2, ended_accounts, leader_only=True),
        *_rights(store, authority.clock, leadership.write),
        Job("head of the log", 5, head, leader_only=True),
        Job("clock", 30, clock, leader_only=True),
        Job("ACME orders", 30, acme_orders),
        *_keys(store, sealer, authority.clock, leadership.write),
    ]


def _rights(store: Store, clock: Clock, write: Write) -> list[Job]:
    def access() -> None:
        settling.settle(store, clock.now(), write=write)

    def reviews() -> None:
        reminding.turn(store, clock.now(), write=write)

    return [
        Job("access", 1, access, leader_only=True),
        Job("reviews", reminding.EVERY_SECONDS, reviews, leader_only=True),
    ]


def _keys(store: Store, sealer: Sealer | None, clock: Clock, write: Write) -> list[Job]:
    if sealer is None:
        return []

    def of_secrets() -> None:
        store_keys.rotate_if_due(store, sealer, clock, write=write)

    def of_recordings() -> None:
        recording_keys.rotate_if_due(store, sealer, clock, write=write)

    return [
        Job("key of secrets", 300, of_secrets, leader_only=True),
        Job("key of recordings", 300, of_recordings, leader_only=True),
    ]


def archive(
    authority: Authority, store: Store, parts: Archive, leadership: Leadership
) -> list[Job]:
    """Return the jobs of the archive: whether it is there, and what edges sent long ago goes.

    Behind a restore, what the store has forgotten of it is taken in again.
    """
    objects = parts.objects
    keep = authority.settings.audit.keep_days

    def old(purged: Purge, batch: int) -> None:
        for _ in range(_ROUNDS):
            now = authority.clock.now()
            confirmed = timekeeping.confirmed(store, now)
            if confirmed is None:
                return
            # A clock that went ahead by itself makes nothing old.
            policy = purging.Policy(timedelta(days=keep) + (now - confirmed))
            if purged(store, objects, now, policy, write=leadership.write) < batch:
                return

    def old_records() -> None:
        old(purging.purge, purging.BATCH)

    def old_recordings() -> None:
        old(recordings.purge, recordings.BATCH)

    def is_there() -> None:
        next(objects.list(_NOTHING), None)

    recovery = Recovery(store, objects, parts.intake, authority.clock)

    def recovered() -> None:
        recovery.run(write=leadership.write)

    always = [
        Job("archive", 30, is_there),
        Job("recovery of the archive", 5, recovered, leader_only=True),
    ]
    if not keep:
        return always
    return [
        *always,
        Job("old records", 30, old_records, leader_only=True),
        Job("old recordings", 30, old_recordings, leader_only=True),
    ]


def renew_crls(authority: Authority, write: Write | None = None) -> None:
    """Sign new CRLs where the newest is an hour old, inside a transaction of ``write``."""
    due = authority.due_crls()
    if due:
        with write() if write else nullcontext():
            authority.publish_crls(due)
