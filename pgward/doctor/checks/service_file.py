"""libpq's ``pg_service.conf``: whether `psql service=NAME` goes where the service is."""

import stat
from collections.abc import Iterator, Mapping

from pgward.client.config import service_file
from pgward.client.config.facts import Facts
from pgward.client.config.formats import libpq
from pgward.client.config.person_file import PersonFile
from pgward.client.config.service_file import MOST_IN_LINE, Section
from pgward.core.errors import PgwardError
from pgward.doctor.finding import Finding, ok, warn
from pgward.doctor.patient import Patient
from pgward.tunnel.local.registry import Registry

CHECK = "service_file"
_POSTGRESQL = "5432"
_OTHERS_WRITE, _OTHERS_READ = 0o022, 0o044


def look(patient: Patient) -> Finding | None:
    """Read the file; nothing to say of one that is not there and that nothing names."""
    path = service_file.place(patient.environ, patient.user_home)
    if not path.exists() and not path.is_symlink():
        if not patient.environ.get("PGSERVICEFILE"):
            return None
        return warn(
            CHECK,
            f"PGSERVICEFILE names {path}, which is not there",
            "libpq then finds no service at all",
            "unset PGSERVICEFILE, or pgward config install SERVICE writes it",
        )
    try:
        file = PersonFile.read(path)
        data = file.data or b""
        sections = service_file.ours(data)
    except PgwardError as error:
        return warn(CHECK, f"{path}: {error.message}", hint=error.hint or "")
    mine = sections.get(patient.service_name or "")
    told = [*_of_file(data, file.mode), *_of_section(patient, mine)]
    if told:
        return warn(CHECK, f"{path} will surprise you", "; ".join(told), _hint(patient, mine))
    return ok(CHECK, f"{path} {_well(patient, data, mine)}")


def _of_file(data: bytes, mode: int) -> Iterator[str]:
    """Yield what is wrong with the file as such."""
    if stat.S_IMODE(mode) & _OTHERS_WRITE:
        yield f"others may change it (mode {stat.S_IMODE(mode):04o}), and lead you elsewhere"
    keys = {line.partition(b"=")[0].strip() for line in data.splitlines()}
    if b"password" in keys and mode & _OTHERS_READ:
        yield "a password is in it, and others may read it"
    if service_file.longest(data) > MOST_IN_LINE:
        yield "a line is so long that libpq gives the whole file up"
    for name, lines in service_file.header_lines(data).items():
        if len(lines) > 1:
            where = ", ".join(map(str, lines))
            yield f"the section [{name}] is there in lines {where}, and libpq takes the first"


def _of_section(patient: Patient, mine: Section | None) -> Iterator[str]:
    """Yield how the service's section differs from what the service is now."""
    if mine is None:
        return
    if mine.home != str(patient.home.directory):
        yield f"the section is of another PGWARD_HOME: {mine.home}"
        return
    if patient.service is None or patient.session is None:
        return
    wanted = libpq.fields(_facts(patient, mine))
    for key in wanted.keys() | mine.settings.keys():
        there, right = mine.settings.get(key), wanted.get(key)
        if right is None:
            yield f"{key} is set, and the service needs none"
        elif there is None:
            yield f"{key} is missing"
        elif there != right:
            yield f"{key} is {there}, and should be {right}"


def _facts(patient: Patient, mine: Section) -> Facts:
    """Return what the section should say: the way that was wanted, where the tunnel is now."""
    service, session = patient.need_service(), patient.need_session()
    port = _port(mine.settings)
    if mine.native is not None:
        return Facts.native(service, mine.native or None, port, session.user.name, session.paths)
    registry = Registry(patient.home.directory)
    running = registry.get(service.name)
    if running is not None and not running.host.startswith("/"):
        port = running.port
    else:
        port = registry.remembered_port(service.name) or port
    return Facts.tunnel(service, port, session.user.name, session.paths)


def _port(settings: Mapping[str, str]) -> int:
    text = settings.get("port", "")
    return int(text if text.isascii() and text.isdecimal() else _POSTGRESQL)


def _hint(patient: Patient, mine: Section | None) -> str:
    if mine is None or patient.service_name is None:
        return "mend it by hand; what pgward wrote stands between its marks"
    if mine.home != str(patient.home.directory):
        return f"PGWARD_HOME={mine.home} pgward config uninstall {patient.service_name}"
    return f"pgward config install {patient.service_name} writes it anew; the rest by hand"


def _well(patient: Patient, data: bytes, mine: Section | None) -> str:
    name = patient.service_name
    if name is None:
        return "is in order"
    if mine is not None:
        return f"leads psql service={name} where {name} is"
    if name in service_file.header_lines(data):
        return f"has a section [{name}] of your own"
    return f"has no section for {name}; pgward config install {name} makes one"
