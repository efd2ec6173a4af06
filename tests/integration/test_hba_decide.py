"""What becomes of a connection at each real PostgreSQL is what our engine says."""

import os
import pwd
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pgward.core.errors import InvalidInputError
from pgward.hba.decide.connection import Connection, Encryption, World
from pgward.hba.decide.deciding import decide
from pgward.hba.decide.loading import load
from pgward.hba.decide.verdict import Certificate, Evidence, judge
from pgward.hba.server.interfaces import interfaces
from pgward.hba.syntax.files import access_lines
from pgward.hba.syntax.regexes import BeyondUsError
from pgward.hba.syntax.versions import Abilities
from pgward.system.postgres import Cluster
from tests.fixtures.hba_server import ADMIN, DATABASES, ROLES, HbaServer

pytestmark = pytest.mark.integration
WORLD = World({**ROLES, "postgres": frozenset()}, interfaces())
SYSTEM = pwd.getpwuid(os.geteuid()).pw_name

_DATABASES = [
    "all",
    "shop",
    "sameuser",
    "samerole",
    "replication",
    '"all"',
    "ann,shop",
    "/^s",
    "/.",
]
_ROLES = ["all", "ann", "+team", "+staff", '"+team"', "bob,ann", "/^a", "/b$", '"all"', "+none"]
_ADDRESSES = ["all", "samehost", "samenet", "127.0.0.0/8", "127.0.0.1/32", "::1/128", "10.0.0.0/8"]
_ADDRESSES += ["127.0.0.2 255.255.255.254", "0.0.0.0/0", "::/0", "127.1/32", "h.invalid"]
_CERT = ["", "clientname=CN", "clientname=DN", "map=m", "map=n", "clientcert=verify-full", "map="]
_SHOWN = ["", "clientcert=verify-ca", "clientcert=verify-full", "clientcert=1", "clientcert=0"]
_PROOFS = st.sampled_from(["trust", "reject", "password"])
_PLACE = st.tuples(st.sampled_from(_DATABASES), st.sampled_from(_ROLES)).map(" ".join)
_FROM = st.tuples(_PLACE, st.sampled_from(_ADDRESSES)).map(" ".join)
_LINE = st.one_of(
    st.tuples(st.just("local"), _PLACE, st.sampled_from(["trust", "reject", "password", "peer"])),
    st.tuples(st.just("local"), _PLACE, st.just("peer"), st.sampled_from(["map=m", "map=n"])),
    st.tuples(st.sampled_from(["host", "hostnossl", "hostnogssenc"]), _FROM, _PROOFS),
    st.tuples(st.just("hostssl"), _FROM, _PROOFS, st.sampled_from(_SHOWN)),
    st.tuples(st.just("hostssl"), _FROM, st.just("cert"), st.sampled_from(_CERT)),
).map(" ".join)
_MAPPED = ["ann", "bob", f"{SYSTEM}", "/^(.*)@corp$", "/^a", "/(b)", "/^(a)(.*)$", '"CN=ann"']
_TO = ["ann", "bob", r"\1", r"\1nn", "all", '"all"', "+team", "/^a", "staff"]
_MAPPING = st.tuples(
    st.sampled_from(["m", "n"]), st.sampled_from(_MAPPED), st.sampled_from(_TO)
).map(" ".join)
_NAMES = st.none() | st.sampled_from(["ann", "bob", "ann@corp", "bob@corp"])
_CONNECTION = st.builds(
    lambda user, database, address, tls: Connection(
        user,
        database,
        None if address is None else ip_address(address),
        Encryption.TLS if tls and address is not None else Encryption.NONE,
    ),
    st.sampled_from(["ann", "bob", "staff"]),
    st.sampled_from([*DATABASES, None]),
    st.sampled_from([None, "127.0.0.1", "127.0.0.1", "127.0.0.2", "::1"]),
    st.booleans(),
)


@st.composite
def _attempts(draw: st.DrawFn) -> tuple[Connection, Evidence]:
    connection = draw(_CONNECTION)
    name = draw(_NAMES) if connection.encryption is Encryption.TLS else None
    certificate = None if name is None else Certificate(name, f"CN={name}")
    system = SYSTEM if connection.address is None else None
    return connection, Evidence(certificate, draw(st.booleans()), system)


def test_each_version_decides_as_we_do(pg_each: Cluster, tmp_path: Path) -> None:
    """Over two thousand connections to two hundred and fifty configurations."""
    server = HbaServer(pg_each, tmp_path)
    able = Abilities.of(int((pg_each.data_dir / "PG_VERSION").read_text()))

    @settings(max_examples=250, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(_LINE, min_size=1, max_size=5),
        st.lists(_MAPPING, max_size=4),
        st.lists(_attempts(), min_size=9, max_size=9),
    )
    def agree(
        lines: list[str], maps: list[str], attempts: list[tuple[Connection, Evidence]]
    ) -> None:
        hba, ident = ("".join(f"{line}\n" for line in each) for each in (lines, maps))
        read = {"/hba": (ADMIN + hba).encode(), "/ident": ident.encode()}
        try:
            loaded = load(
                access_lines("/hba", Texts(read), able),
                access_lines("/ident", Texts(read), able),
                able,
                WORLD,
            )
        except InvalidInputError:
            assume(False)
        server.use(hba, ident)
        for connection, evidence in attempts:
            index = decide(loaded.server, connection).index
            rule = None if index is None else loaded.server.rules[index]
            try:
                ours = judge(loaded.server, rule, connection, evidence)
            except BeyondUsError:
                continue
            theirs = server.verdict(connection, evidence)
            assert ours is theirs, (hba, ident, connection, evidence)

    agree()


class Texts:
    """Files that are only here."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def read(self, path: str) -> bytes:
        return self._files[path]

    def names(self, directory: str) -> list[str]:
        raise AssertionError(directory)
