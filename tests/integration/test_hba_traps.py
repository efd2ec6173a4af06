"""Every trap of a version bites on its real server, and `hba check` finds it in the same files.

``FACTS`` are what is known of PostgreSQL and certificates by version, each with its traps, or why
no configuration is to blame.
"""

import os
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.hba.check.material import hashed
from pgward.hba.decide.verdict import Verdict
from pgward.hba.install import apply as work
from pgward.hba.install.host import Host
from pgward.hba.plan.model import Plan
from pgward.hba.server.datadir import DataDir
from pgward.pki import keys, name_identity
from pgward.system.postgres import Cluster
from tests.fixtures.hba_server import HbaServer
from tests.fixtures.hba_traps import DAY, REFUSED, Bench, dn, found_in
from tests.fixtures.material import SmallCa

pytestmark = pytest.mark.integration
ALL = range(11, 19)
SSL = "hostssl all all all"
TRUST = f"{SSL} trust clientcert=verify-full"
TRUST_11 = f"{SSL} trust clientcert=1"
OAUTH = 'host all all all oauth issuer="https://x" scope="y"'


@dataclass(frozen=True)
class Trap:
    """A rule, on which versions it bites, and how."""

    name: str
    rule: str
    versions: Iterable[int]
    bite: Callable[[Bench], None]


def asks(bench: Bench) -> str:
    """A line that lets in by a valid certificate of the role's name, or on 11 of any."""
    return TRUST_11 if bench.version == 11 else TRUST


def in_by(hba: str, ident: str = "", **login: str) -> Callable[[Bench], None]:
    """Whom it should keep out is let in."""

    def bite(bench: Bench) -> None:
        bench.use(hba, ident)
        assert bench.login(**login) is Verdict.IN

    return bite


def out_by(hba: str, ident: str = "", **login: str) -> Callable[[Bench], None]:
    """Whom it was written for is kept out."""

    def bite(bench: Bench) -> None:
        bench.use(hba, ident)
        assert bench.login(**login) is Verdict.OTHER_NAME

    return bite


def kept(hba: str) -> Callable[[Bench], None]:
    """A reload keeps what was there before."""

    def bite(bench: Bench) -> None:
        bench.use(f"{SSL} reject")
        bench.use(hba)
        assert bench.login(shows="ann") is Verdict.REJECTED
        wrong = "select count(*) from pg_hba_file_rules where error is not null or type is null"
        assert int(bench.sql(wrong)) >= 1

    return bite


def null_error(bench: Bench) -> None:
    """The view has neither a line nor an error for what blocked the reload."""
    kept(f"{SSL} trust clientcert=1")(bench)
    rows = bench.sql("select type is null, error is null from pg_hba_file_rules where type is null")
    assert rows.splitlines()[0] == "t|t"


def unknown(setting: str, hba: str = "") -> Callable[[Bench], None]:
    """The server does not know a setting, and takes none of the file."""

    def bite(bench: Bench) -> None:
        bench.settings(setting)
        bench.write(hba)
        assert bench.sql("select count(*) from pg_file_settings where error is not null") != "0"

    return bite


def locked_out(
    change: Callable[[Bench], None], settings: str | None = None
) -> Callable[[Bench], None]:
    """Who gets in with everything in order is refused by TLS when one thing is changed."""

    def bite(bench: Bench) -> None:
        bench.use(asks(bench))
        assert bench.login(shows="ann") is Verdict.IN
        if settings is not None:
            bench.settings(settings)
        change(bench)
        bench.use(asks(bench))
        assert bench.login(shows="ann") == REFUSED

    return bite


def one_list_too_few(bench: Bench) -> None:
    bench.put("ca.crl", bench.lists(root=False))


def expired(bench: Bench) -> None:
    bench.put("ca.crl", bench.lists(start=-2 * DAY, end=-DAY))


def to_come(bench: Bench) -> None:
    bench.put("ca.crl", bench.lists(start=DAY))


def partial(bench: Bench) -> None:
    users = bench.server.users
    bench.put("ca.crl", bench.partial(users.issuing) + bench.list_of(users.root))


def issuing_alone(bench: Bench) -> None:
    bench.put("ca.crt", bench.server.users.issuing.certificate.public_bytes(Encoding.PEM))


def directory(bench: Bench) -> None:
    """Lists by any name are not found, and by their hashes they are."""
    lists = bench.data / "lists"
    lists.mkdir()
    owner = bench.data.stat()
    os.chown(lists, owner.st_uid, owner.st_gid)
    bench.put("lists/all.crl", bench.lists())
    locked_out(lambda _: None, "ssl_crl_dir = 'lists'")(bench)
    found = bench.found()
    assert "HBA069" in found
    for ca in (bench.server.users.root, bench.server.users.issuing):
        name = hashed(name_identity.identity(ca.certificate.subject))
        bench.put(f"lists/{name}.r0", bench.lists())
    bench.use(asks(bench))
    assert bench.login(shows="ann") is Verdict.IN
    assert not {"HBA069", "HBA073"} & bench.found()
    for path in lists.iterdir():
        if path.name != "all.crl":
            path.unlink()


def serves_on(change: Callable[[Bench], None], said: str) -> Callable[[Bench], None]:
    """A reload cannot use a file: the server goes on with what it had, and only its log tells."""

    def bite(bench: Bench) -> None:
        bench.use(asks(bench))
        change(bench)
        bench.put("ca.crl", bench.lists(start=-2 * DAY, end=-DAY))  # would refuse everyone
        bench.use(asks(bench))
        assert bench.login(shows="ann") is Verdict.IN
        assert said in bench.server.cluster.log_path.read_text()

    return bite


def another_key(bench: Bench) -> None:
    bench.put("server.key", keys.to_pem(keys.generate(), None))


def open_key(bench: Bench) -> None:
    (bench.data / "server.key").chmod(0o644)


def no_ca(bench: Bench) -> None:
    (bench.data / "ca.crt").unlink()


def old_tls(bench: Bench) -> None:
    assert not bench.speaks(ssl.TLSVersion.TLSv1)
    bench.write_settings("log_connections = on")
    bench.use("")
    assert bench.speaks(ssl.TLSVersion.TLSv1)


def no_lists(bench: Bench) -> None:
    """No list is asked for: whoever was revoked gets in, wherever OCSP would tell."""
    bench.settings("")
    bench.use(asks(bench))
    assert bench.login(shows="ann") is Verdict.IN


def silent(bench: Bench) -> None:
    bench.settings("log_connections = off")
    bench.use(asks(bench))
    log = bench.server.cluster.log_path
    before = log.stat().st_size
    assert bench.login(shows="ann") is Verdict.IN
    assert b"ann" not in log.read_bytes()[before:]


def reversed_dn(bench: Bench) -> None:
    bench.named("dn", *dn("ann", "example"))
    line = f"{SSL} cert clientname=DN map=m"
    bench.use(line, 'm "CN=ann,O=example" ann')
    assert bench.login(shows="dn") is Verdict.IN
    assert "HBA039" not in bench.found()
    bench.use(line, 'm "O=example,CN=ann" ann')
    assert bench.login(shows="dn") is Verdict.OTHER_NAME


def second_group(bench: Bench) -> None:
    bench.role(r"ann\2")
    bench.role("annbob")
    bench.use(f"{SSL} cert map=m", r"m /^(.*)@(.*)$ \1\2")
    assert bench.login(role="annbob", shows="ann@bob") is Verdict.OTHER_NAME
    assert bench.login(role=r"ann\2", shows="ann@bob") is Verdict.IN
    bench.role(r"ann-\1")
    bench.role("ann-ann")
    bench.use(f"{SSL} cert map=m", r"m /^(.*)@(.*)$ \1-\1")
    assert bench.login(role="ann-ann", shows="ann@bob") is Verdict.OTHER_NAME
    assert bench.login(role=r"ann-\1", shows="ann@bob") is Verdict.IN


def group_behind_plus(bench: Bench) -> None:
    """Who is in a group of just that name gets in, and nobody by what they are called."""
    bench.role("+ann")
    bench.role(r"\1")
    bench.sql(r'grant "\1" to bob')
    bench.use(f"{SSL} cert map=m", r'm /^(.*)$ "+\1"')
    assert bench.login(role="+ann", shows="ann") is Verdict.IN
    bench.use(f"{SSL} cert map=m", r"m /^(.*)$ +\1")
    assert bench.login(role="+ann", shows="ann") is Verdict.OTHER_NAME
    assert bench.login(role="bob", shows="ann") is Verdict.IN


def two_roles(bench: Bench) -> None:
    bench.use(f"{SSL} cert map=m", "m eve ann bob")
    assert bench.login(role="ann", shows="eve") is Verdict.IN
    assert bench.login(role="bob", shows="eve") is Verdict.OTHER_NAME


def cut_off(bench: Bench) -> None:
    """It asks by another map than the one that is written."""
    bench.use(f'{SSL} cert map="m#1"', "m eve ann\n")
    assert bench.login(role="ann", shows="eve") is Verdict.OTHER_NAME
    bench.use(f"{SSL} cert map=m#1", "m eve ann\n")
    assert bench.login(role="ann", shows="eve") is Verdict.IN


def includes(bench: Bench) -> None:
    bench.put("more.conf", f"{SSL} trust\n".encode())
    kept("include more.conf")(bench)


def trap(rule: str, versions: Iterable[int], bite: Callable[[Bench], None], name: str) -> Trap:
    return Trap(name, rule, versions, bite)


UNANCHORED = "hostssl all /n all trust"
LITERAL = f"hostssl all /^ann$ all reject\n{SSL} trust"
SWALLOWED = f"# C:\\certs\\\n{SSL} reject\n{SSL} trust"
LISTS = "ssl_crl_file = 'ca.crl'"
FACTS: dict[str, str | list[Trap]] = {
    "clientcert=": [
        trap("HBA019", [11], in_by(TRUST), "verify-full is off"),
        trap("HBA018", [12, 13], in_by(TRUST_11, shows="bob"), "1 is any certificate"),
        trap("HBA038", [12, 13], in_by(TRUST_11, shows="bob"), "1 is verify-ca"),
        trap("HBA001", range(14, 19), null_error, "1 is refused without an error"),
    ],
    "cert clientcert=verify-ca": [
        trap("HBA001", [11, *range(14, 19)], kept(f"{SSL} cert clientcert=verify-ca"), "refused"),
        trap(
            "HBA038",
            [12, 13],
            out_by(f"{SSL} cert clientcert=verify-ca", shows="bob"),
            "is verify-full",
        ),
    ],
    "the role bound to the certificate under another method": [
        trap("HBA001", ALL, kept(f"{SSL} scram-sha-256 map=m"), "a map behind scram"),
        trap(
            "HBA018",
            range(12, 19),
            in_by(f"{SSL} trust clientcert=verify-ca", shows="bob"),
            "a name that is not bound",
        ),
    ],
    "clientname": [
        trap("HBA001", range(11, 14), kept(f"{SSL} cert clientname=DN"), "unknown before 14"),
        trap("HBA039", range(14, 19), reversed_dn, "reversed"),
    ],
    "pg_ident": [
        trap(
            "HBA027",
            range(11, 16),
            out_by(f"{SSL} cert map=m", "m ann all", role="bob", shows="ann"),
            "all is a name",
        ),
        trap(
            "HBA027",
            range(11, 16),
            out_by(f"{SSL} cert map=m", "m ann /^b", role="bob", shows="ann"),
            "an expression is a name",
        ),
        trap(
            "HBA022",
            ALL,
            in_by(f"{SSL} cert map=m", "m /n ann", shows="eve@corp.invalid"),
            "unanchored",
        ),
        trap("HBA046", ALL, second_group, "of groups the first, and once"),
        trap("HBA046", range(16, 19), group_behind_plus, "a group behind a plus"),
        trap("HBA047", ALL, two_roles, "a second role"),
        trap("HBA048", ALL, cut_off, "a comment within a word"),
    ],
    "include, and expressions": [
        trap("HBA001", range(11, 16), includes, "include"),
        trap("HBA021", range(11, 16), in_by(LITERAL), "a slash is a letter"),
        trap("HBA020", range(16, 19), in_by(UNANCHORED), "unanchored"),
    ],
    "continuation": [
        trap("HBA001", range(11, 14), kept("hostssl all all all \\\ntrust"), "unknown before 14"),
        trap("HBA006", range(14, 19), in_by(SWALLOWED), "a line in a comment"),
    ],
    "reject, hostnossl, hostgssenc": [
        trap("HBA001", [11], kept("hostgssenc all all all trust"), "unknown in 11"),
    ],
    "ssl_min_protocol_version": [
        trap("HBA004", [11], unknown("ssl_min_protocol_version = 'TLSv1.2'"), "unknown in 11"),
        trap("HBA042", [12], old_tls, "TLSv1 by default"),
    ],
    "ssl_ca_file": [trap("HBA068", ALL, locked_out(issuing_alone), "an issuing CA alone")],
    "ssl_crl_file": "no file is wrong: who replaces it has to reload, as refresh does",
    "ssl_crl_dir": [
        trap("HBA004", range(11, 14), unknown("ssl_crl_dir = 'lists'"), "unknown before 14"),
        trap("HBA073", range(14, 19), directory, "names that are not hashes"),
    ],
    "a current list for every CA": [
        trap("HBA069", ALL, locked_out(one_list_too_few), "none of the root"),
        trap("HBA070", ALL, locked_out(expired), "expired"),
        trap("HBA070", ALL, locked_out(to_come), "in the future"),
    ],
    "the shape of lists": [trap("HBA072", ALL, locked_out(partial), "IssuingDistributionPoint")],
    "EKU, SAN": "it is the client's certificate that is wrong, and the server refuses it alone",
    "name constraints": "the CA's certificate says them, and every version enforces them",
    "unknown critical extension": "it is the client's certificate, and the server refuses it alone",
    "pg_stat_ssl": "what a view shows locks nobody out and lets nobody in",
    "identity in the log": [trap("HBA050", ALL, silent, "nobody is logged")],
    "live sessions": "no setting ends them; pgward's agent does",
    "OCSP": [trap("HBA041", ALL, no_lists, "nothing tells who was revoked")],
    "a bad file at a reload": [
        trap("HBA063", ALL, serves_on(another_key, "key values mismatch"), "another key"),
        trap("HBA061", ALL, serves_on(open_key, "has group or world access"), "an open key"),
        trap("HBA060", ALL, serves_on(no_ca, "ca.crt"), "no CA"),
    ],
    "direct TLS": "older servers refuse such clients, and let nobody in by it",
    "ssl_groups, ssl_tls13_ciphers, oauth": [
        trap("HBA004", range(11, 18), unknown("ssl_groups = 'X25519'"), "ssl_groups"),
        trap("HBA004", range(11, 18), unknown("ssl_tls13_ciphers = ''"), "ssl_tls13_ciphers"),
        trap("HBA001", range(11, 18), kept(OAUTH), "oauth before 18"),
        trap("HBA005", [18], kept(OAUTH), "oauth without a validator"),
    ],
}
TRAPS = [each for of in FACTS.values() if not isinstance(of, str) for each in of]


def test_each_trap_bites_and_is_found(pg_each: Cluster, tmp_path: Path) -> None:
    bench = Bench(HbaServer(pg_each, tmp_path))
    bench.reset()
    assert "HBA060" not in bench.found()
    failed = []
    for each in TRAPS:
        if bench.version not in each.versions:
            continue
        bench.reset()
        before = bench.found()
        try:
            each.bite(bench)
        except AssertionError as error:
            failed.append(f"{each.rule} {each.name}: does not bite: {error}")
            continue
        if each.rule not in bench.found() - before:
            failed.append(f"{each.rule} {each.name}: is not found")
    assert failed == []


def test_what_is_applied_is_in_order(pg_each: Cluster, small_ca: SmallCa, monkeypatch) -> None:
    """No rule about what a server refuses, or about its TLS files, finds anything."""
    monkeypatch.setenv("PGWARD_PG_BIN", str(pg_each.bin_dir))
    host = Host(DataDir.open(pg_each.data_dir), pg_each.data_dir / "pgward")
    plan = Plan(tls=host.tls_files)
    now = datetime.now(UTC)
    assert work.apply(host, plan, small_ca, names=("localhost",), now=now).took is True
    found = found_in(pg_each.data_dir)
    assert not {each for each in found if each < "HBA010" or "HBA040" <= each < "HBA080"}


def test_every_version_has_traps() -> None:
    for version in ALL:
        assert sum(version in each.versions for each in TRAPS) >= 10
