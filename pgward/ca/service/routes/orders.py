"""What machines do while a CA is being replaced: ask, try, and tell what they found."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from pgward.ca.identity import machines
from pgward.ca.rotation import orders, rotations, seen
from pgward.ca.rotation.seen import MOST_PARTS, Report
from pgward.ca.service import strict
from pgward.ca.service.auth import AnyMachine
from pgward.ca.service.context import Current
from pgward.ca.service.models import Body, Flag, Name, Request, Storable
from pgward.core.errors import ConflictError
from pgward.pki import pem

router = strict.router("machines")
Part = Annotated[int, Field(ge=0, lt=MOST_PARTS)]
Parts = Annotated[int, Field(ge=1, le=MOST_PARTS)]


class OrderInfo(BaseModel):
    """What to show; ``issuer`` is the new CA's key identifier in hex.

    An edge shows it once it has the snapshot of this ``version``.
    """

    rotation: str
    phase: str
    need: str
    issuer: str
    version: int


class OrdersReply(BaseModel):
    """All that is asked now: first to ``renew``, then the orders."""

    renew: bool
    orders: list[OrderInfo]


class ProbeRequest(Body):
    """A key that wants a probe certificate of a rotation's new CA."""

    rotation: Name
    csr: Request


class ProbeReply(BaseModel):
    """A probe certificate and its chain, PEM."""

    certificate: str
    chain: list[str]


class ReportRequest(Body):
    """What one part of a machine found in a phase."""

    rotation: Name
    phase: Name
    part: Part = 0
    parts: Parts = 1
    ok: Flag
    message: Annotated[str, Field(max_length=1000), Storable] = ""


class ReportReply(BaseModel):
    """False when the rotation is in another phase by now."""

    counted: bool


@router.get("/machine/orders", summary="Ask what a rotation wants of this machine")
def ask(
    context: Current, asking: AnyMachine, part: Annotated[int, Query(ge=0, lt=MOST_PARTS)] = 0
) -> OrdersReply:
    """Return what this machine, or this worker of it, has still to do."""
    machine, now = asking.machine, context.now()
    if machines.seen_needs_writing(machine, None, now):
        with context.store.write() as transaction:
            machines.seen(transaction, machine, None, now)
    with context.store.read() as connection:
        found = orders.of(connection, machine, asking.serial, part)
    return OrdersReply(
        renew=found.renew,
        orders=[
            OrderInfo(
                rotation=each.rotation,
                phase=each.phase,
                need=each.need,
                issuer=each.issuer.hex(),
                version=each.version,
            )
            for each in found.orders
        ],
    )


@router.post("/machine/probes", summary="Get a probe certificate")
def probe(context: Current, asking: AnyMachine, body: ProbeRequest) -> ProbeReply:
    """Issue a certificate of the new CA, in nobody's name, to try who trusts it."""
    context.limits.issuing(asking.machine.actor, context.monotonic())
    with context.store.read() as connection:
        rotation = rotations.get(connection, body.rotation)
    if rotation.phase.is_over:
        raise ConflictError(f"the rotation {rotation.id} is over", hint="ask for orders again")
    context.authority.refresh()
    issued = context.authority.issue_probe(
        body.csr.encode(), ca=rotation.new_issuing, hierarchy=rotation.hierarchy
    )
    return ProbeReply(
        certificate=pem.text(issued.certificate), chain=[pem.text(each) for each in issued.chain]
    )


@router.post("/machine/reports", summary="Tell what was found")
def report(context: Current, asking: AnyMachine, body: ReportRequest) -> ReportReply:
    """Store what a machine found in the present phase; news of it is an audit event."""
    machine = asking.machine
    found = Report(body.part, body.parts, body.ok, body.message, context.now())
    with context.acts.act(machine.actor, "rotation.report", body.rotation) as act:
        rotation = rotations.get(act.transaction.connection, body.rotation)
        counted = rotation.phase == body.phase
        is_news = counted and seen.report(act.transaction, rotation, machine, found)
        act.worth_recording = is_news
        act.details |= {
            "phase": body.phase,
            "part": body.part,
            "ok": body.ok,
            "message": body.message,
        }
    return ReportReply(counted=counted)
