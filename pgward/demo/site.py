"""A whole site: every part set up in order, each step told."""

from dataclasses import dataclass

from pgward.demo import parts
from pgward.demo.client import Psql
from pgward.demo.parts import Authority, Edge, Identity, Tunnel, Workshop
from pgward.demo.story import Story
from pgward.system.postgres import Cluster


@dataclass(frozen=True, slots=True)
class Site:
    """The parts that run."""

    authority: Authority
    me: Identity
    cluster: Cluster
    edge: Edge
    tunnel: Tunnel
    psql: Psql

    @property
    def native(self) -> str:
        """The connection string straight to PostgreSQL."""
        return parts.native_conninfo(self.me, self.cluster)


def build(shop: Workshop, story: Story) -> Site:
    """Set everything up, from an empty directory to an open tunnel."""
    story.heading("Set up")
    cluster = _database(shop, story)
    authority = _authority(shop, story)
    with story.step("PostgreSQL checks login certificates itself (pgward hba apply)") as step:
        parts.configure(shop, cluster)
        step.tell(f"server certificate for {parts.SERVER_NAME}; user CA and revocation lists")
    with story.step("an edge, enrolled with a join token, serves (pgward edge serve)") as step:
        parts.service(shop, cluster)
        edge = parts.edge(shop)
        step.tell(f"{edge.address}: service {parts.SERVICE}, for the group {parts.GROUP}")
    with story.step(f"{parts.USER} logs in (pgward login)") as step:
        me = parts.add_person(shop, authority)
        step.tell(f"login certificate {me.serial:x}; the key was made here and stays here")
    with story.step(f"{parts.USER} opens a tunnel (pgward connect {parts.SERVICE})") as step:
        tunnel = parts.tunnel(shop)
        step.tell(f"{tunnel.address} => mutual TLS 1.3 => {edge.address}")
    psql = Psql.near(shop.crew, cluster, shop.layout)
    return Site(authority, me, cluster, edge, tunnel, psql)


def _database(shop: Workshop, story: Story) -> Cluster:
    with story.step("a PostgreSQL server, fresh from initdb") as step:
        cluster = parts.database(shop)
        step.tell(
            f"PostgreSQL {cluster.version} at {cluster.host}:{cluster.port}, "
            f"database {parts.DATABASE}, owned by the role {parts.USER}"
        )
    return cluster


def _authority(shop: Workshop, story: Story) -> Authority:
    with story.step("a certificate authority (pgward ca init, pgward ca serve)") as step:
        authority = parts.authority(shop)
        step.tell(f"{authority.url}, {authority.fingerprint}")
    return authority
