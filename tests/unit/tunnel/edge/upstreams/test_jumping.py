import asyncio
import sys

import pytest

from pgward.client.secrets.reference import SecretRef
from pgward.core.address import Address
from pgward.core.errors import PgwardError
from pgward.tunnel.edge.state_postgres import SshJump
from pgward.tunnel.edge.upstreams.errors import UpstreamError
from pgward.tunnel.edge.upstreams.jumping import Jumps

# What needs an SSH server is in tests/integration/test_upstreams.py.
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
JUMP = SshJump(Address("jump", 22), "pg", HOST_KEY, SecretRef("secret", "k"))


def dial(key: bytes = b"key") -> None:
    asyncio.run(Jumps().dial(JUMP, key, Address("db1", 5432)))


def test_without_its_package_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    with pytest.raises(PgwardError) as caught:
        dial()
    assert caught.value.message == "a jump host needs the package asyncssh"
    assert caught.value.hint == "pip install 'pgward[ssh]' on the edge"


def test_a_key_that_is_none_is_not_shown():
    with pytest.raises(UpstreamError) as caught:
        dial(b"hunter2")
    assert caught.value.message == "the key for the jump host jump:22 is no private key of SSH"
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


def test_there_may_be_nothing_to_close():
    asyncio.run(Jumps().close())
