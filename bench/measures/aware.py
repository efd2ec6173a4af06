"""The aware edge beside the same edge in mode tcp and PgBouncer: pgbench -S and COPY out.

The CPU time of every process that takes part is measured, the auditor's until it has made
records of all that was said: it runs behind, at a lower priority.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Literal, TypeVar, get_args

from bench import certificates, procfs
from bench.authority import PERSON
from bench.copying import copy_out
from bench.database import Database
from bench.lab import Lab
from bench.peers import Peer
from bench.peers.aware import auditor_of
from bench.pgbench import Mode, select_only
from bench.samples import Metric

WAYS = ("edge-tcp", "edge-aware", "edge-aware-tls", "pgbouncer")
_CLIENTS = 8
_RATE = 2000  # transactions a second, which every way can do, so that all work alike
_LOOK_SECONDS = 0.25
_QUIET_LOOKS = 5  # longer than the auditor waits for a chunk to fill
_QUIET_CPU = 0.02  # seconds: two ticks
_MOST_SECONDS = 120.0

_T = TypeVar("_T")
_Hop = Literal["edge", "auditor", "postgres", "ca", "client"]
_TITLES: dict[_Hop, str] = {
    "edge": "the edge, or PgBouncer",
    "auditor": "the edge's auditor",
    "postgres": "PostgreSQL",
    "ca": "the CA",
    "client": "the client",
}


def measure_aware(lab: Lab) -> None:
    """Run all ways at once, and take from each in turn."""
    _prepare(lab.database)
    takes = [partial(_transactions, lab, mode=mode) for mode in get_args(Mode)]
    with ExitStack() as stack:
        peers = {name: stack.enter_context(lab.start(name)) for name in WAYS}
        lab.alternate(peers, [*takes, partial(_paced, lab), partial(_copy, lab)])


def _prepare(database: Database) -> None:
    """Let PostgreSQL take TLS as well, and know the person."""
    directory = database.copy_file.parent / "server-tls"
    if directory.exists():
        return
    directory.mkdir()
    leaf = certificates.make(directory).server
    server = database.server
    names = {"ssl_cert_file": leaf.certificate, "ssl_key_file": leaf.key}
    for setting, source in names.items():
        path = server.data_dir / source.name
        shutil.copy(source, path)
        path.chmod(0o600)
        if server.account is not None:
            shutil.chown(path, server.account.uid, server.account.gid)
        database.psql(f"alter system set {setting} = '{path}'")
    database.psql("alter system set ssl = on")
    database.psql(f"create role {PERSON} superuser login")
    server.reload()


def _transactions(lab: Lab, peer: Peer, *, mode: Mode) -> Iterator[tuple[Metric, float]]:
    work = partial(select_only, peer.there, clients=_CLIENTS, seconds=lab.plan.seconds, mode=mode)
    result, spent, behind = _metered(lab, peer, work)
    title = f"pgbench -S, {mode}, {_CLIENTS} clients"
    yield Metric(f"aware.{mode}", title, "tps", "more"), result.tps
    yield from _per_unit(spent, result.transactions, mode, title, "transaction")
    yield _lag(mode, title, behind)


def _paced(lab: Lab, peer: Peer) -> Iterator[tuple[Metric, float]]:
    """Take the CPU time alone, at one rate: a slower way would sleep and wake up more often."""
    seconds = lab.plan.seconds
    work = partial(select_only, peer.there, clients=_CLIENTS, seconds=seconds, rate=_RATE)
    result, spent, _ = _metered(lab, peer, work)
    title = f"pgbench -S, simple, {_CLIENTS} clients, {_RATE} a second"
    yield from _per_unit(spent, result.transactions, "paced", title, "transaction")


def _copy(lab: Lab, peer: Peer) -> Iterator[tuple[Metric, float]]:
    rate, spent, behind = _metered(lab, peer, partial(copy_out, lab.database, peer.there))
    title = r"psql \copy out"
    yield Metric("aware.copy", title, "MB/s", "more"), rate
    megabytes = lab.database.copy_file.stat().st_size / 1e6
    yield from _per_unit(spent, megabytes, "copy", title, "MB")
    yield _lag("copy", title, behind)


def _per_unit(
    spent: dict[_Hop, float], units: float, key: str, title: str, what: str
) -> Iterator[tuple[Metric, float]]:
    for hop, seconds in spent.items():
        name = f"{title}: {_TITLES[hop]}"
        yield (
            Metric(f"aware-cpu.{key}.{hop}", name, f"µs/{what}", "less"),
            seconds / units * 1e6,
        )


def _lag(key: str, title: str, seconds: float) -> tuple[Metric, float]:
    return Metric(f"aware-lag.{key}", f"{title}: records made", "s after", "less"), seconds


def _metered(lab: Lab, peer: Peer, work: Callable[[], _T]) -> tuple[_T, dict[_Hop, float], float]:
    """Do ``work``; return its result, the seconds each process spent, and how late records were."""
    before = _cpu(lab, peer)
    client = _client_cpu()
    result = work()
    client = _client_cpu() - client
    done = time.monotonic()
    quiet_since = _wait_for_records(peer)
    after = _cpu(lab, peer)
    spent = {hop: after[hop] - before.get(hop, 0.0) for hop in after}
    # The auditor is a child of the edge.
    spent["edge"] -= spent.get("auditor", 0.0)
    return result, {**spent, "client": client}, max(0.0, quiet_since - done)


def _cpu(lab: Lab, peer: Peer) -> dict[_Hop, float]:
    roots = peer.hops["edge"]
    found: dict[_Hop, float] = {"edge": procfs.cpu(roots).total}
    if auditor := auditor_of(procfs.tree(roots)):
        found["auditor"] = procfs.cpu(auditor).total
        if lab.authority is not None:
            found["ca"] = procfs.cpu((lab.authority.pid,)).total
    found["postgres"] = procfs.cpu((lab.database.pid,)).total
    return found


def _client_cpu() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _wait_for_records(peer: Peer) -> float:
    """Return when the auditor, if there is one, began to be quiet: it has caught up."""
    auditor = auditor_of(procfs.tree(peer.hops["edge"]))
    since = begun = time.monotonic()
    looks, last = 0, procfs.cpu(auditor).total
    while auditor and looks < _QUIET_LOOKS and time.monotonic() - begun < _MOST_SECONDS:
        time.sleep(_LOOK_SECONDS)
        spent = procfs.cpu(auditor).total
        if spent - last > _QUIET_CPU:
            looks, since = 0, time.monotonic()
        else:
            looks += 1
        last = spent
    return since
