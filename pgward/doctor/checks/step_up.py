"""The fresh second factor that a service may ask for: whether one counts now."""

from pgward.client import step_up
from pgward.client.phrases import when
from pgward.client.services import StepUp
from pgward.core.clock import rfc3339
from pgward.core.errors import PgwardError
from pgward.doctor.finding import Finding, fail, ok, warn
from pgward.doctor.patient import Patient

CHECK = "step_up"


def look(patient: Patient) -> Finding | None:
    """Ask the CA how it stands; while it is away, say what it said last."""
    service = patient.service
    if service is None or service.step_up is None:
        return None
    if not patient.ca_answers:
        return _remembered(patient, service.name, service.step_up)
    try:
        found = step_up.ask(patient.need_session().api(), service.name)
    except PgwardError as error:
        return warn(CHECK, f"the CA does not say how it stands: {error.message}")
    told = _asks(service.name, found)
    if found.proved_until is not None:
        ends = f"{when(found.proved_until, patient.clock.now())} ({rfc3339(found.proved_until)})"
        return ok(CHECK, f"{told}, and yours counts until {ends}")
    return fail(
        CHECK,
        f"{told}, and none of yours counts now",
        f"edges refuse you until you give one; it counts {found.minutes} minutes",
        f"pgward step-up {service.name}",
    )


def _remembered(patient: Patient, name: str, known: StepUp) -> Finding:
    told = _asks(name, known)
    if known.is_proved(patient.clock.now()):
        return ok(CHECK, f"{told}, and by what the CA said last yours counts")
    return warn(CHECK, told, "whether yours counts now only the CA could say", "bring the CA back")


def _asks(name: str, found: StepUp) -> str:
    return f"{name} asks for a fresh second factor ({' or '.join(found.factors)})"
