"""An edge tries its own door, with real TLS."""

import asyncio

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from pgward.client.duties import PROBE_SUBJECT, Order, Orders, Part, Probe
from pgward.core.errors import PgwardError
from pgward.pki import crl
from pgward.tunnel.edge.duties import EdgeDuties
from tests.unit.tunnel.edge.test_accept import edge

CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)


class FakeMachine:
    """A machine whose directory others may renew as well."""

    def __init__(self, newer=False):
        self.newer = newer
        self.renewals = 0

    def reload(self):
        return self.newer

    def renew(self):
        self.renewals += 1


class FakeDuties:
    """Gives orders in turn, and keeps what was found."""

    def __init__(self, probe, *answers):
        self._probe = probe
        self._answers = list(answers)
        self.found = []

    def ask(self):
        return self._answers.pop(0)

    def probe(self, _order):
        return self._probe

    def carry_out(self, order, show):
        try:
            show(order)
        except PgwardError as error:
            self.found.append(str(error))
            return str(error)
        self.found.append(None)
        return None


def probe_of(tls_keys, ca):
    certificate, key = tls_keys.issue(ca, PROBE_SUBJECT, eku=CLIENT)
    return Probe(key.read_bytes() + certificate.read_bytes())


def order(need, issuer=b"", version=7):
    return Order("r", "trust-both", need, issuer, version)


def carry_out(run, contexts, tls_keys, *answers, probe=None, machine=None):
    """Have an edge carry out orders; return what it found, whether it is done, and refusals."""

    async def main():
        async with edge(contexts, tls_keys) as made:
            duties = EdgeDuties(
                machine or FakeMachine(),
                Part(),
                call=made.door.links.loop.call_soon_threadsafe,
                version=lambda: 7,
                admit=made.door.admit,
                on_renewed=lambda: renewed.append(True),
            )
            fake = FakeDuties(probe, *answers)
            duties._duties = fake
            done = await asyncio.to_thread(duties.run)
            return fake.found, done, list(made.refused)

    renewed = []
    result = []

    async def keep():
        result.extend(await main())

    run(keep())
    return (*result, len(renewed))


def test_a_client_of_a_trusted_ca_is_known_and_nobody(run, contexts, tls_keys):
    asked = Orders(False, (order("client-probe"),))
    probe = probe_of(tls_keys, tls_keys.users)
    found = carry_out(run, contexts, tls_keys, asked, probe=probe)
    assert found == ([None], True, [], 0)


def test_a_client_of_another_ca_is_refused_in_tls(run, contexts, tls_keys):
    asked = Orders(False, (order("client-probe"),))
    probe = probe_of(tls_keys, tls_keys.servers)
    (problem,), done, _, _ = carry_out(run, contexts, tls_keys, asked, probe=probe)
    assert problem.startswith("it does not let clients of the new CA in: ")
    assert "UNKNOWN_CA" in problem
    assert not done


def test_a_ca_without_a_revocation_list_is_refused_behind_tls(run, contexts, tls_keys):
    asked = Orders(False, (order("client-probe"),))
    other = tls_keys.users.sub("another")
    below = probe_of(tls_keys, other)
    chain = other.certificate.public_bytes(Encoding.PEM)
    (problem,), done, refused, _ = carry_out(
        run, contexts, tls_keys, asked, probe=Probe(below.text + chain)
    )
    assert problem == (
        "it does not let clients of the new CA in: the edge does not know the CA of your "
        "certificate"
    )
    assert (done, refused) == (False, [])  # our own probe is no event


def test_what_failed_is_not_tried_again_at_once(run, contexts, tls_keys):
    asked = Orders(False, (order("present", b"\0"),))
    anew = Orders(False, (order("present", b"\1"),))

    async def main() -> None:
        async with edge(contexts, tls_keys) as made:
            duties = EdgeDuties(
                FakeMachine(),
                Part(),
                call=made.door.links.loop.call_soon_threadsafe,
                version=lambda: 7,
                admit=made.door.admit,
                on_renewed=lambda: None,
            )
            duties._duties = FakeDuties(None, *[asked] * 4, anew, anew)
            for _ in range(3):
                assert not await asyncio.to_thread(duties.run)
            assert (len(duties._duties.found), duties._pause) == (1, 2.0)
            duties._not_before = 0.0
            assert not await asyncio.to_thread(duties.run)
            assert (len(duties._duties.found), duties._pause) == (2, 4.0)
            for _ in range(2):  # of a rotation that was begun again: at once, and then not
                assert not await asyncio.to_thread(duties.run)
            assert (len(duties._duties.found), duties._pause) == (3, 2.0)

    run(main())


@pytest.mark.parametrize("right", [True, False])
def test_the_certificate_that_is_presented(run, contexts, tls_keys, right):
    issuer = crl.key_id(tls_keys.servers.certificate) if right else b"\0"
    asked = Orders(False, (order("present", issuer),))
    (problem,), done, _, _ = carry_out(run, contexts, tls_keys, asked)
    assert (problem is None, done) == (right, right)
    if not right:
        assert "still presents a certificate of CN=server root" in problem


@pytest.mark.parametrize("newer", [True, False])
def test_a_renewal_comes_first_unless_another_worker_was_faster(run, contexts, tls_keys, newer):
    machine = FakeMachine(newer)
    first, second = Orders(True, ()), Orders(False, (order("take"),))
    found = carry_out(run, contexts, tls_keys, first, second, machine=machine)
    assert found == ([None], True, [], 1)
    assert machine.renewals == (0 if newer else 1)


def test_what_came_after_the_snapshot_at_hand_waits_for_the_next_one(run, contexts, tls_keys):
    """To have taken what the phase brought cannot be said before it was taken."""
    asked = Orders(False, (order("take"), order("take", version=8)))
    assert carry_out(run, contexts, tls_keys, asked)[:2] == ([None], False)
