import pytest

from pgward.core.errors import InvalidInputError, PgwardError
from pgward.hba.install.host import Host
from pgward.hba.prove import run
from pgward.hba.prove.run import Wish
from pgward.hba.server.datadir import DataDir
from tests.fixtures.material import SmallCa


@pytest.fixture
def host(pg_files) -> Host:
    data_dir = DataDir.open(pg_files.data_dir)
    return Host(data_dir, data_dir.path / "pgward")


def test_a_server_that_does_not_run(host) -> None:
    with pytest.raises(PgwardError, match="PostgreSQL does not run there"):
        run.prove(host, None, Wish())


def test_an_expression_that_only_the_server_reads(host) -> None:
    (host.data_dir.ident_file).write_text("m /(?x)abc app\n")
    prover = run._Prover(host, None, Wish(), None)
    with pytest.raises(InvalidInputError, match="cannot be told"):
        prover._loaded(run.Known({}, frozenset(), frozenset()))


def test_what_the_files_say_of_certificates(host) -> None:
    ca, path = SmallCa(), host.data_dir.path
    ca.current()
    (path / "ca.crt").write_bytes(ca.material().user_ca)
    (path / "ca.crl").write_bytes(ca.crls())
    (path / "bad.crl").write_bytes(b"nonsense")
    (path / "lists").mkdir()
    (path / "lists" / "0.r0").write_bytes(ca.crls())

    def trust(**settings):
        return run._trust(host.data_dir, settings)

    assert trust() == run.Trust(None, None)
    assert trust(ssl_ca_file="ca.crt").cas == (ca.users.root.certificate,)
    assert trust(ssl_ca_file="bad.crl").cas == ()
    assert trust(ssl_ca_file="none").cas == ()
    assert len(trust(ssl_crl_file="ca.crl").lists) == 2
    assert len(trust(ssl_crl_dir="lists").lists) == 2
    assert trust(ssl_crl_file="bad.crl").lists == ()
    assert trust(ssl_crl_file="none").lists == ()


def test_the_certificate_of_the_server(host) -> None:
    ca, path = SmallCa(), host.data_dir.path
    assert run._server_certificate(host.data_dir, {}) is None
    material = ca.current()
    (path / "server.crt").write_bytes(material.certificate)
    (path / "server.key").write_bytes(material.key)
    assert run._server_certificate(host.data_dir, {}).name == "localhost"


def test_what_is_left_out_is_said() -> None:
    many = [f"r{n}" for n in range(run._MOST_MAPPED + 2)]
    assert list(run._left_out({"ann": many, "ben": many[:-2]})) == [
        "the map lets ann be 2 more roles, not tried"
    ]
