"""``pgward ca serve``: joins settings, keys, store and HTTP service, and keeps them fresh."""

import asyncio
import json
import logging
import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from pgward.ca import hierarchy, listener, log_key, passphrase
from pgward.ca.api_certificate import ApiCertificate
from pgward.ca.authority import Authority
from pgward.ca.head_signer import HeadSigner
from pgward.ca.records import CaName
from pgward.ca.service.app import create_app
from pgward.ca.settings import Settings
from pgward.ca.store import Store, open_store
from pgward.ca.store.certificates import SqlCertificates
from pgward.ca.store.log_purge import Policy, purge_certificates
from pgward.ca.store.purge import purge
from pgward.core.address import Address
from pgward.core.clock import SystemClock
from pgward.core.errors import PgwardError
from pgward.system import files, process, terminal

_UPKEEP_SECONDS = 30.0
_CRL_EVERY = timedelta(hours=1)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line overrides."""

    listen: Address | None = None
    passphrase_source: str | None = None
    ready_file: Path | None = None


def run(directory: Path, options: Options) -> None:
    """Serve until SIGTERM or Ctrl-C; raise PgwardError when that cannot begin."""
    settings = Settings.load(directory)
    secret = _passphrase(settings, directory, options)
    hierarchies, key = hierarchy.load(directory, secret), log_key.load_or_create(directory, secret)
    listen = options.listen or Address(settings.listen.host, settings.listen.port)
    with listener.bind(listen) as listening:
        address = listener.bound_address(listening)
        with _authority(_with_port(settings, address), hierarchies, directory) as (
            authority,
            store,
        ):
            certificate = ApiCertificate(authority)
            authority.publish_crls()
            listener.raise_file_limit()
            origins = _origins(authority.settings, address)
            app = create_app(authority, store, log_key=key, origins=origins)
            heads: HeadSigner = app.state.context.heads
            heads.newest()  # the first one ever, so that everyone can have it
            server = listener.HttpsServer(
                app,
                listening,
                certificate.context,
                on_stop=app.state.context.changes.close,
            )

            def announce() -> None:
                _announce(authority, address, options.ready_file)

            _run(
                _serve(server, partial(_keep_fresh, authority, certificate, store, heads), announce)
            )


def _passphrase(settings: Settings, directory: Path, options: Options) -> bytes:
    if options.passphrase_source is not None:
        return passphrase.read(options.passphrase_source)
    return passphrase.find(settings.keys.passphrase_file, directory)


def _with_port(settings: Settings, address: Address) -> Settings:
    """Put the real port into the URL that people get, when the settings left it open."""
    url = settings.ca.url
    if not url.endswith(":0"):
        return settings
    return replace(settings, ca=replace(settings.ca, url=f"{url.removesuffix('0')}{address.port}"))


def _origins(settings: Settings, address: Address) -> list[str]:
    """Return every address under which a proof of possession may name this listener."""
    hosts = [*settings.ca.dns, *settings.ca.ips, address.host]
    return [f"https://{Address(host, address.port)}" for host in hosts]


@contextmanager
def _authority(
    settings: Settings, hierarchies: hierarchy.Hierarchies, directory: Path
) -> Iterator[tuple[Authority, Store]]:
    store = open_store(settings.store_url(directory))
    try:
        clock = SystemClock()
        authority = Authority(settings, hierarchies, SqlCertificates(store, clock), clock)
        try:
            yield authority, store
        finally:
            authority.close()
    finally:
        store.close()


async def _serve(
    server: listener.HttpsServer, keep_fresh: Callable[[], None], announce: Callable[[], None]
) -> None:
    upkeep = asyncio.create_task(_upkeep(keep_fresh))
    ready = asyncio.create_task(_when_ready(server, announce))
    try:
        await server.run_until_stopped()
    finally:
        for task in (upkeep, ready):
            task.cancel()
        await asyncio.gather(upkeep, ready, return_exceptions=True)


async def _when_ready(server: listener.HttpsServer, announce: Callable[[], None]) -> None:
    await server.ready.wait()
    announce()


async def _upkeep(keep_fresh: Callable[[], None]) -> None:
    """Do it every half minute: what is due goes by the wall clock, which sleep does not stop."""
    while True:
        await asyncio.sleep(_UPKEEP_SECONDS)
        try:
            await asyncio.to_thread(keep_fresh)
        except PgwardError as error:  # the store may be away: the next round tries again
            _log.warning("upkeep failed: %s", error.message)


def _keep_fresh(
    authority: Authority, certificate: ApiCertificate, store: Store, heads: HeadSigner
) -> None:
    """Renew the certificate and the CRLs in time, and remove what ended long ago."""
    certificate.renew_if_due()
    now, newest = authority.clock.now(), authority.crl(CaName.USER_ISSUING).this_update
    # One from the future, after the clock was put right, would have PostgreSQL refuse everyone.
    if not newest <= now <= newest + _CRL_EVERY:
        authority.publish_crls()
    purge(store, now)
    ledger = authority.settings.ledger
    if ledger.keep_expired_days:
        purge_certificates(store, now, Policy(timedelta(days=ledger.keep_expired_days)))
    heads.sign_if_due(timedelta(seconds=ledger.head_seconds))


def _announce(authority: Authority, address: Address, ready_file: Path | None) -> None:
    """Say where we listen: one line on stdout, for programs too, and a file if asked for."""
    url, fingerprint = authority.settings.ca.url, authority.fingerprint
    if ready_file is not None:
        told = {
            "url": url,
            "address": str(address),
            "fingerprint": fingerprint,
            "pid": os.getpid(),
        }
        files.atomic_write(ready_file, json.dumps(told).encode() + b"\n", mode=0o644)
    process.notify_ready(str(address))
    terminal.note(f"{authority.settings.ca.name} serves {url}, fingerprint {fingerprint}")
    terminal.echo(f"listening {address}")


def _run(serving: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(serving)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
