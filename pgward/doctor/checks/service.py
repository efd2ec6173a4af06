"""The service, as the CA lists it for this person."""

from pgward.core.errors import NotFoundError, PgwardError
from pgward.doctor.finding import Finding, of_error, ok, warn
from pgward.doctor.patient import Patient
from pgward.tunnel.local.catalog import Catalog

CHECK = "service"


def look(patient: Patient) -> Finding | None:
    """Find it: at the CA, or in what it said last."""
    if patient.service_name is None:
        return None
    notes: list[str] = []
    catalog = Catalog(patient.home.directory, patient.need_session(), patient.clock, notes.append)
    try:
        if patient.ca_answers:
            service = catalog.find(patient.service_name)
        else:
            service = catalog.remembered(patient.service_name)
    except NotFoundError as error:
        return of_error(CHECK, error, "it does not exist, or is not for you")
    except PgwardError as error:
        return of_error(CHECK, error)
    patient.service = service
    edges = ", ".join(f"{edge.name} {edge.address}" for edge in service.edges)
    if not edges and patient.direct is None:
        return warn(
            CHECK,
            f"{service.name} has no edge",
            "no tunnel leads to it",
            "an administrator names edges in the service, or see PostgreSQL itself: --host HOST",
        )
    how = "mode postgres" if service.is_aware else f"sslMode {service.ssl_mode}"
    told = f"{service.name} is yours to use, {how}, edges: {edges or 'none'}"
    if not patient.ca_answers:
        return warn(CHECK, told, "the CA said so last; it may have changed since")
    return ok(CHECK, told)
