import ssl

import pytest
import trustme

from pgward.audit.sinks import tls
from pgward.audit.sinks.schemes import parse
from pgward.core.errors import InvalidInputError


def test_servers_are_verified_as_a_file_says(tls_world):
    made = tls.context(parse(f"syslog+tls://localhost#ca={tls_world.ca}"))
    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(made.get_ca_certs()) == 1
    assert made.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_client_certificate_is_read(tmp_path, tls_world):
    pair = tmp_path / "client.pem"
    trustme.CA().issue_cert("client").private_key_and_cert_chain_pem.write_to_path(str(pair))
    tls.context(parse(f"syslog+tls://localhost#ca={tls_world.ca},cert={pair},key={pair}"))


def test_files_that_are_missing_are_named(tmp_path):
    for options in (f"ca={tmp_path}/none", f"cert={tmp_path}/none"):
        with pytest.raises(InvalidInputError, match="cannot be read"):
            tls.context(parse(f"syslog+tls://localhost#{options}"))
