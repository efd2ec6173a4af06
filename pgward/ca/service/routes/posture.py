"""What the device that asks says of itself, between logins."""

from pydantic import BaseModel

from pgward.ca.identity import devices, posture_reports
from pgward.ca.identity.posture import PostureReport
from pgward.ca.service import strict
from pgward.ca.service.auth import Person
from pgward.ca.service.context import Context, Current
from pgward.ca.service.models import Body
from pgward.core.errors import NotFoundError

router = strict.router("people")


class Report(Body):
    """What a device says of itself: nothing of it is verified."""

    posture: PostureReport


class Taken(BaseModel):
    """Whether it was news."""

    changed: bool


@router.post("/me/posture", summary="Report this device's posture")
def report(context: Current, session: Person, body: Report) -> Taken:
    """Take what the device says before it renews its certificate."""
    said, now = body.posture.model_dump(), context.now()
    with context.store.read() as connection:
        device = devices.find(connection, session.user.name, session.thumbprint)
    if device is None:
        raise NotFoundError("this device is not known", hint="pgward login")
    changed = device.posture != said
    if posture_reports.needs_writing(device, said, now):
        _write(context, device, said)
    return Taken(changed=changed)


def _write(context: Context, device: devices.Device, said: dict[str, object]) -> None:
    with context.store.write() as transaction:
        posture_reports.write(transaction, device, said, context.now())
