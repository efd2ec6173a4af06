import socket

from pgward.core.address import Address
from pgward.tunnel.edge.upstreams.contexts import ClientCertificate
from pgward.tunnel.edge.upstreams.values import Credentials, Upstream


def test_nothing_secret_is_shown():
    shown = repr(Credentials(b"hunter2", ClientCertificate(b"chain", b"PRIVATE"), b"PRIVATE KEY"))
    assert "hunter2" not in shown
    assert "PRIVATE" not in shown


def test_a_connection_tells_whether_it_is_tls_and_not_its_key():
    with socket.socket() as sock:
        made = Upstream(sock, Address("db1", 5432), {}, (1, b"secret key"), 0, "none")
        assert not made.is_encrypted
        assert "secret key" not in repr(made)
