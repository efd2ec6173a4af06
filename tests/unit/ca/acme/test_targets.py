import asyncio
import socket

import pytest

from pgward.ca.acme import identifiers, targets
from pgward.ca.acme.problems import AcmeError
from pgward.ca.acme.settings import AcmeSettings
from pgward.ca.acme.targets import Targets

REFUSED = AcmeSettings().refuse_networks
NAME = identifiers.dns("a.test")


def _find(identifier=NAME, *, answers=(), **fields):
    async def resolver(_name):
        if isinstance(answers, Exception):
            raise answers
        return answers

    return asyncio.run(Targets(REFUSED, resolver=resolver, **fields).find(identifier))


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.9.9.9", "0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1"),
        *("255.255.255.255", "::1", "::", "fe80::1", "ff02::1", "fd00:ec2::254"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("::7f00:1", "64:ff9b:1::7f00:1", "2001:0:7f00:1::", "2001:0:a00:7::80ff:fffe"),
        *("100.100.100.200", "168.63.129.16", "192.0.0.192", "::ffff:168.63.129.16"),
        *("fe80::1%eth0", "nonsense", ""),
    ],
)
def test_places_that_only_an_attacker_means_are_refused(address):
    with pytest.raises(AcmeError, match="an address that is not connected to") as caught:
        _find(answers=[address])
    assert caught.value.kind == "connection"


@pytest.mark.parametrize("address", ["10.0.0.5", "192.168.1.1", "203.0.113.5", "2001:db8::1"])
def test_private_networks_are_where_databases_are(address):
    assert _find(answers=[address, address]) == [address]


def test_what_is_refused_is_left_out_and_few_are_tried():
    answers = ["127.0.0.1", *(f"10.0.0.{n}" for n in range(9))]
    assert _find(answers=answers) == ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "169.254.169.254"])
def test_an_address_that_is_asked_for_is_checked_too(address):
    with pytest.raises(AcmeError):
        _find(identifiers.ip(address))


def test_a_fixed_address_needs_no_look_up_but_is_checked():
    assert _find(answers=OSError(), fixed={"a.test": "10.0.0.1"}) == ["10.0.0.1"]
    with pytest.raises(AcmeError):
        _find(fixed={"a.test": "127.0.0.1"})


@pytest.mark.parametrize(
    ("answers", "what"),
    [
        (socket.gaierror(), "cannot be looked up"),
        (UnicodeError(), "cannot be looked up"),
        (TimeoutError(), "took too long"),
        ((), "has no address"),
    ],
)
def test_a_name_that_cannot_be_looked_up_is_told(answers, what):
    with pytest.raises(AcmeError, match=what) as caught:
        _find(answers=answers)
    assert caught.value.kind == "dns"


def test_the_system_s_resolver_is_asked():
    assert "127.0.0.1" in asyncio.run(targets.system_resolver("localhost"))
