"""What a balancer or Kubernetes asks; outside ``/v1``, and for anyone."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from pgward.ca.observability.health import State
from pgward.ca.service import strict
from pgward.ca.service.context import Current

router = APIRouter(tags=["probes"], generate_unique_id_function=strict.operation_id)


class Alive(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Whether this process can do its work, and how each check went."""

    status: Literal["ok", "failed"]
    checks: dict[str, State]


@router.get("/healthz", summary="Tell whether the process lives")
async def healthz() -> Alive:
    """Answer without looking at anything: restart a process that does not."""
    return Alive()


@router.get(
    "/readyz",
    summary="Tell whether the process can do its work",
    responses={503: {"model": Ready, "description": "a check failed; send requests elsewhere"}},
)
async def readyz(context: Current, response: Response) -> Ready:
    """Check the store, the keys, the own certificate, the revocation lists and the clock."""
    states = await context.readiness.states()
    is_ready = all(state == "ok" for state in states.values())
    response.status_code = 200 if is_ready else 503
    return Ready(status="ok" if is_ready else "failed", checks=dict(states))
