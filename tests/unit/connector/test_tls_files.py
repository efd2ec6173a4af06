import ssl
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from pgward.connector import tls_files as module
from pgward.connector.assignment import ServerSettings
from pgward.connector.tls_files import TlsFiles, system_roots
from pgward.core.errors import NotFoundError
from tests.fixtures.connectors import settings_fields


@pytest.fixture
def files(tmp_path):
    return TlsFiles(tmp_path, lambda: tmp_path / "ca.crt")


def settings(**changes):
    return ServerSettings.read(settings_fields(**changes))


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require"])
def test_where_nobody_verifies_there_are_no_roots(files, mode):
    assert files.roots(settings(ssl_mode=mode)) is None


def test_pgwards_own_roots_count_unless_others_are_named(files, tmp_path):
    assert files.roots(settings(ssl_mode="verify-full")) == str(tmp_path / "ca.crt")


def test_roots_of_the_integration_are_put_into_a_file_of_ours(files):
    pem = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
    found = files.roots(settings(ssl_mode="verify-ca", ssl_root_cert=pem))
    again = files.roots(settings(ssl_mode="verify-ca", ssl_root_cert=pem))
    assert (Path(found).read_text(), found) == (pem, again)
    assert stat.S_IMODE(Path(found).stat().st_mode) == 0o600


def test_the_machines_roots_are_a_file(files):
    found = files.roots(settings(ssl_mode="verify-full", ssl_root_cert="system"))
    assert found == str(system_roots())
    assert Path(found).is_file()


def test_a_machine_without_roots_is_told_what_to_do(monkeypatch, tmp_path):
    nothing = SimpleNamespace(cafile=None, openssl_cafile=str(tmp_path / "none"))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
    monkeypatch.setattr(module, "_SYSTEM_FILES", ())
    with pytest.raises(NotFoundError, match="no file of certificates") as caught:
        system_roots()
    assert "sslRootCert" in caught.value.hint


def test_a_certificate_is_in_files_only_while_it_is_used(files):
    made = SimpleNamespace(chain=b"chain", key_pem=b"key")
    with files.certificate(made) as (cert, key):
        assert (Path(cert).read_bytes(), Path(key).read_bytes()) == (b"chain", b"key")
        assert stat.S_IMODE(Path(key).stat().st_mode) == 0o600
    assert not Path(key).exists()
