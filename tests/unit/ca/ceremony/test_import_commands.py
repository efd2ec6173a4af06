import json

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pgward.ca.ceremony import import_commands, init_commands
from pgward.ca.ceremony.subordinate import SubordinateError
from pgward.core.clock import SystemClock
from pgward.core.errors import NotFoundError
from tests.fixtures.company import NO, make_company

PASSWORD = "correct horse battery\n"


@pytest.fixture
def directory(tmp_path):
    arguments = ["--listen", "127.0.0.1:0", "--admin-password-file", "-", "--subordinate"]
    done = CliRunner().invoke(init_commands.init, [str(tmp_path / "ca"), *arguments], PASSWORD)
    assert done.exit_code == 0, done.output
    return tmp_path / "ca"


@pytest.fixture
def reply(directory, tmp_path):
    """Let the company sign what was asked, into one file."""
    company = make_company(SystemClock().now())

    def write(*names, **wishes):
        requests = [
            x509.load_pem_x509_csr((directory / "requests" / f"{name}.csr").read_bytes())
            for name in names
        ]
        found = [*(company.sign(each, **wishes) for each in requests), company.root, company.crl()]
        path = tmp_path / "reply.pem"
        path.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in found))
        return path

    return write


def run(*arguments):
    done = CliRunner().invoke(import_commands.import_signed, [str(each) for each in arguments])
    if isinstance(done.exception, Exception):
        raise done.exception
    return done


def test_what_was_taken_is_shown(directory, reply):
    done = run(directory, reply("user-issuing", "server-issuing"), "-o", "json")
    rows = json.loads(done.stdout)
    assert [(row["ca"], row["what"]) for row in rows] == [
        ("user-issuing", "certificate"),
        ("server-issuing", "certificate"),
        ("user-root", "revocation list"),
        ("server-root", "revocation list"),
    ]
    assert "warning: the root's revocation list ends at" in done.stderr
    assert "refuses EVERYONE" in done.stderr
    assert f"next: pgward ca serve {directory}" in done.stderr


def test_what_is_missing_is_told(directory, reply):
    done = run(directory, reply("user-issuing"))
    assert "still missing: the signed certificate of server-issuing" in done.stderr


def test_what_does_not_suit_is_told(directory, reply):
    with pytest.raises(SubordinateError, match="has no keyUsage"):
        run(directory, reply("user-issuing", key_usage=NO))
    assert not list((directory / "certs").glob("*.crt"))


def test_another_directory_is_told(tmp_path, reply):
    with pytest.raises(NotFoundError, match="is not a CA directory"):
        run(tmp_path, reply("user-issuing"))
