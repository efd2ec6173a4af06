"""``pgward ca serve``: joins settings, keys, store and HTTP service, and keeps them fresh."""

import asyncio
import json
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from pgward.ca import jobs
from pgward.ca.acme import service as acme_service
from pgward.ca.api_certificate import ApiCertificate
from pgward.ca.archive.objects import ObjectStore
from pgward.ca.archive.opening import open_objects
from pgward.ca.authority import Authority
from pgward.ca.http import listener, networks
from pgward.ca.keys.keeper import KeyKeeper
from pgward.ca.keys.sealing import Sealer, open_sealer
from pgward.ca.log import key as log_key
from pgward.ca.log.continuity import Continuity
from pgward.ca.notices import upkeep as notices
from pgward.ca.observability import logs, telemetry
from pgward.ca.revoking.crl_files import CrlFiles
from pgward.ca.rotation.replicas import BEAT_SECONDS
from pgward.ca.rotation.upkeep import RotationUpkeep
from pgward.ca.service import public_http
from pgward.ca.service.app import Front, create_app
from pgward.ca.service.context import Context
from pgward.ca.service.public_http import PublicServer
from pgward.ca.settings import Settings, StoreSettings
from pgward.ca.standing import Keys, Loader
from pgward.ca.store import Store, log_heads, open_store, seats
from pgward.ca.store.certificates import SqlCertificates
from pgward.ca.store.leadership import Leadership
from pgward.ca.upkeep import Job, Upkeep
from pgward.core.address import Address
from pgward.core.clock import SystemClock
from pgward.core.errors import PgwardError
from pgward.system import files, process, terminal
from pgward.system.secrecy import hide_memory, keep_secrets

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line overrides."""

    listen: Address | None = None
    passphrase_source: str | None = None
    pin_source: str | None = None
    ready_file: Path | None = None
    database_url: str | None = None
    metrics: Address | None = None
    log_format: str | None = None
    traces: str | None = None
    archive: str | None = None


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a CA directory has besides the keys of its CAs."""

    log_key: ec.EllipticCurvePrivateKey
    sealer: Sealer


def run(directory: Path, options: Options, front: Front) -> None:
    """Serve until SIGTERM or Ctrl-C; raise PgwardError when that cannot begin.

    ``front`` adds what is for browsers to the application.
    """
    keep_secrets()
    hide_memory()
    settings = _overridden(Settings.load(directory), options)
    logs.to_terminal(settings.logging.format, settings.logging.level)
    keys = KeyKeeper.open(
        directory,
        settings.keys,
        passphrase_source=options.passphrase_source,
        pin_source=options.pin_source,
    )
    listen = options.listen or Address(settings.listen.host, settings.listen.port)
    with (
        closing(keys),
        listener.bind(listen) as listening,
        public_http.bind(settings.listen.public_http) as public,
    ):
        address = listener.bound_address(listening)
        with (
            _authority(_with_port(settings, address), keys, directory) as (authority, store),
            _leading(store, _replica(address), Continuity(directory)) as leadership,
        ):
            certificate = ApiCertificate(authority)
            rotating = RotationUpkeep(authority, store, _replica(address), certificate.renew_if_due)
            rotating.run()
            jobs.begin(authority, leadership)
            listener.raise_file_limit()
            with telemetry.observing(
                authority, store, certificate, leads=leadership.is_leader
            ) as observing:
                signs_log = _log_key(directory, keys, store)
                acme = acme_service.open_service(directory, authority, store)
                secrets = Secrets(signs_log, open_sealer(directory, store, authority.clock.now()))
                objects = open_objects(settings.audit.archive, directory)
                server, service = _server(
                    authority,
                    store,
                    certificate,
                    secrets,
                    listening,
                    acme=acme,
                    objects=objects,
                    front=front,
                )
                observing.watch_connections(server.waiting)
                table = jobs.table(
                    *(authority, certificate, store, leadership, service.heads),
                    acme=acme,
                    sealer=secrets.sealer,
                )
                table += jobs.archive(authority, store, service.archive, leadership)
                table.append(Job("rotations", BEAT_SECONDS, rotating.run))
                table += notices.table(
                    *(authority.settings, directory, store, authority.clock),
                    sealer=secrets.sealer,
                    write=leadership.write,
                )
                upkeep = Upkeep(table, leadership.is_leader)

                def announce() -> None:
                    _announce(authority, address, options.ready_file, observing.address, public)

                beside = _beside(service, directory, public)
                _run(_serve(server, [upkeep.run(), *beside], announce, observing))
            with suppress(PgwardError):  # others find out by themselves
                rotating.end()
            if leadership.ended_by is not None:
                raise leadership.ended_by


def _beside(
    context: Context, directory: Path, public: socket.socket | None
) -> list[Coroutine[Any, Any, None]]:
    """Return what runs as long as the HTTPS listener, if settings ask for it."""
    found: list[Coroutine[Any, Any, None]] = []
    publish_to = context.authority.settings.revocation.publish_to
    if publish_to:
        found.append(CrlFiles(directory / publish_to, context.crls).follow(context.changes))
    if public is not None:
        found.append(PublicServer(context, public).serve_beside())
    return found


def _server(
    authority: Authority,
    store: Store,
    certificate: ApiCertificate,
    secrets: Secrets,
    listening: socket.socket,
    *,
    acme: acme_service.AcmeService | None,
    objects: ObjectStore,
    front: Front,
) -> tuple[listener.HttpsServer, Context]:
    settings = authority.settings
    origins = _origins(settings, listener.bound_address(listening))
    app = create_app(
        authority,
        store,
        log_key=secrets.log_key,
        sealer=secrets.sealer,
        origins=origins,
        certificate=certificate,
        acme=acme,
        objects=objects,
        front=front,
    )
    service: Context = app.state.context
    service.heads.newest()  # the first one ever, so that everyone can have it
    server = listener.HttpsServer(
        app,
        listening,
        certificate.context,
        on_stop=service.send_home,
        proxies=networks.parse(settings.listen.proxy_protocol_from),
    )
    return server, service


def _overridden(settings: Settings, options: Options) -> Settings:
    """Return settings with what the command line says instead."""
    listen, told = settings.listen, settings.logging
    if options.database_url is not None:
        settings = replace(settings, store=StoreSettings(options.database_url))
    return replace(
        settings,
        listen=replace(listen, metrics=str(options.metrics or listen.metrics)),
        audit=replace(settings.audit, archive=options.archive or settings.audit.archive),
        logging=replace(
            told, format=options.log_format or told.format, traces=options.traces or told.traces
        ),
    )


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
    settings: Settings, keys: Keys, directory: Path
) -> Iterator[tuple[Authority, Store]]:
    store = open_store(settings.store_url(directory))
    try:
        clock = SystemClock()
        loader = Loader(store, keys, clock)
        standing = loader.first(directory)
        certificates = SqlCertificates(store, clock)
        authority = Authority(settings, standing, certificates, clock, reload=loader)
        try:
            yield authority, store
        finally:
            authority.close()
    finally:
        store.close()


def _log_key(directory: Path, keys: KeyKeeper, store: Store) -> ec.EllipticCurvePrivateKey:
    with store.read() as connection:
        last = log_heads.newest(connection)
    return log_key.load_or_create(directory, keys, expected=last.head.log_id if last else None)


def _replica(address: Address) -> str:
    """Name this process among the replicas: all may listen on 0.0.0.0."""
    return f"{socket.gethostname()}:{address.port}"


@contextmanager
def _leading(store: Store, replica: str, continuity: Continuity) -> Iterator[Leadership]:
    """Strive for the lead among the replicas as long as the context is open."""
    store.vouch = continuity.vouch
    leadership = Leadership(
        store,
        seats.seat(store.engine.url, store.pulse),
        replica,
        SystemClock(),
        on_news=store.announce,
        on_moved=lambda: os.kill(os.getpid(), signal.SIGTERM),
        on_look=lambda: continuity.look(store),
    )
    try:
        leadership.start()
        yield leadership
    finally:
        leadership.stop()
        with suppress(PgwardError):  # once more: the store may be put back before the next start
            continuity.look(store)


async def _serve(
    server: listener.HttpsServer,
    beside: Sequence[Coroutine[Any, Any, None]],
    announce: Callable[[], None],
    observing: telemetry.Observing,
) -> None:
    tasks = [asyncio.create_task(each) for each in (*beside, _when_ready(server, announce))]
    try:
        async with observing.serving():
            await server.run_until_stopped()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _when_ready(server: listener.HttpsServer, announce: Callable[[], None]) -> None:
    await server.ready.wait()
    announce()


def _announce(
    authority: Authority,
    address: Address,
    ready_file: Path | None,
    metrics: Address | None = None,
    public: socket.socket | None = None,
) -> None:
    """Say where we listen: one line on stdout, for programs too, and a file if asked for."""
    url, fingerprint = authority.settings.ca.url, authority.fingerprint
    if ready_file is not None:
        told: dict[str, Any] = {
            "url": url,
            "address": str(address),
            "fingerprint": fingerprint,
            "pid": os.getpid(),
        }
        if public is not None:
            told["public_http"] = str(listener.bound_address(public))
        if metrics is not None:
            told["metrics"] = str(metrics)
        files.write_named(ready_file, json.dumps(told).encode() + b"\n", mode=0o644)
    process.notify_ready(str(address))
    serves = f"{authority.settings.ca.name} serves {url}, fingerprint {fingerprint}"
    if authority.settings.logging.format == "json":
        _log.info(serves)
    else:
        terminal.note(serves)
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
