"""Whose certificates matter to a service: those of the people who may use it, and its servers'."""

from sqlalchemy.engine import Connection

from pgward.ca.access import live
from pgward.ca.access.live import EVER
from pgward.ca.identity import directory, machines
from pgward.ca.records import PEOPLES, Kind
from pgward.ca.resources import stored as resources
from pgward.ca.resources.kinds import ServiceSpec
from pgward.ca.store.listing import Owners
from pgward.core.errors import NotFoundError


def of_service(connection: Connection, name: str) -> Owners:
    """Return by kind who may use a service now, and which edges and hosts serve it.

    A host serves it when the certificate that it joined with has the upstream's name. Raises
    NotFoundError.
    """
    spec = _spec(connection, name)
    granted = {grant.user for grant in live.of_services(connection, [name], EVER)}
    people = [
        each.name
        for each in directory.everyone(connection)
        if each.name in granted or spec.is_for(each.name, each.groups)
    ]
    edges = [each.name for each in machines.edges(connection) if spec.is_on(each.name)]
    upstream = {each.host.lower() for each in spec.upstreams()} | spec.server_names()
    hosts = [
        each.name
        for each in machines.hosts(connection)
        if upstream & {name.lower() for name in (*each.dns, *each.ips)}
    ]
    peoples = [(kind.value, people) for kind in PEOPLES]
    return [*peoples, (Kind.EDGE.value, edges), (Kind.HOST.value, hosts)]


def _spec(connection: Connection, name: str) -> ServiceSpec:
    for resource, spec in resources.services(connection):
        if resource.name == name:
            return spec
    raise NotFoundError(f"there is no service {name!r}", hint="pgward get services")
