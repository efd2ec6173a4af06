from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from pgward.pki import chain, keys
from pgward.pki.errors import ChainError
from tests.fixtures.pki import TestCa, usage

CLIENT, SERVER = chain.CLIENT_AUTH, chain.SERVER_AUTH
KEY = keys.generate()


def verify(hierarchy, leaf, now, eku=CLIENT, *, roots=None, intermediates=None):
    return chain.verify(
        leaf,
        [hierarchy.issuing.certificate] if intermediates is None else intermediates,
        [hierarchy.root.certificate] if roots is None else roots,
        now,
        eku,
    )


def test_a_good_chain_runs_from_leaf_to_root(hierarchy, now):
    leaf = hierarchy.issuing.issue("alice", KEY, [CLIENT])
    expected = [leaf, hierarchy.issuing.certificate, hierarchy.root.certificate]
    assert verify(hierarchy, leaf, now) == expected


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
)
def test_leaves_of_other_key_kinds_pass(hierarchy, now, key):
    leaf = hierarchy.issuing.issue("alice", key, [CLIENT])
    assert verify(hierarchy, leaf, now)[0] == leaf


@pytest.mark.parametrize(("has", "wanted"), [(CLIENT, SERVER), (SERVER, CLIENT)])
def test_a_certificate_for_another_purpose_is_refused(hierarchy, now, has, wanted):
    leaf = hierarchy.issuing.issue("x", KEY, [has])
    with pytest.raises(ChainError, match=r"it was issued for another purpose$"):
        verify(hierarchy, leaf, now, wanted)


def test_a_certificate_for_no_purpose_is_refused(hierarchy, now):
    with pytest.raises(ChainError):
        verify(hierarchy, hierarchy.issuing.issue("x", KEY, []), now)


@pytest.mark.parametrize(
    ("moment", "message"),
    [(timedelta(days=31), "expired at 2026-12-21T12:00:00Z"), (timedelta(days=-2), "only from")],
)
def test_dates_are_told(hierarchy, now, moment, message):
    leaf = hierarchy.issuing.issue("alice", KEY, [CLIENT])
    with pytest.raises(ChainError, match=message):
        verify(hierarchy, leaf, now + moment)


def test_a_strangers_certificate_is_refused(hierarchy, now):
    stranger = TestCa.root().sub()
    leaf = stranger.issue("alice", KEY, [CLIENT])
    with pytest.raises(ChainError, match="not trusted"):
        verify(hierarchy, leaf, now)
    with pytest.raises(ChainError, match="not trusted"):
        verify(hierarchy, leaf, now, intermediates=[stranger.certificate])


def test_a_missing_intermediate_is_refused(hierarchy, now):
    leaf = hierarchy.issuing.issue("alice", KEY, [CLIENT])
    with pytest.raises(ChainError):
        verify(hierarchy, leaf, now, intermediates=[])


def test_without_roots_nobody_is_trusted(hierarchy, now):
    leaf = hierarchy.issuing.issue("alice", KEY, [CLIENT])
    with pytest.raises(ChainError, match="no root"):
        verify(hierarchy, leaf, now, roots=[])


def test_a_ca_is_no_leaf(hierarchy, now):
    with pytest.raises(ChainError):
        verify(hierarchy, hierarchy.issuing.certificate, now, intermediates=[])
    posing = hierarchy.issuing.issue("x", KEY, [CLIENT], path_length=0)
    with pytest.raises(ChainError):
        verify(hierarchy, posing, now)


def test_a_leaf_issues_nothing(hierarchy, now):
    leaf = hierarchy.issuing.issue("alice", KEY, [CLIENT])
    forged = TestCa(leaf, KEY).issue("admin", keys.generate(), [CLIENT])
    with pytest.raises(ChainError):
        verify(hierarchy, forged, now, intermediates=[leaf, hierarchy.issuing.certificate])


def test_a_sub_ca_of_the_issuing_ca_is_refused(hierarchy, now):
    deeper = hierarchy.issuing.sub("deeper")
    leaf = deeper.issue("alice", KEY, [CLIENT])
    with pytest.raises(ChainError):
        verify(
            hierarchy,
            leaf,
            now,
            intermediates=[deeper.certificate, hierarchy.issuing.certificate],
        )


def test_a_key_that_may_not_sign_is_refused(hierarchy, now):
    leaf = hierarchy.issuing.issue("alice", KEY, [CLIENT], key_usage=usage(ca=True))
    with pytest.raises(ChainError, match="its key may not be used so"):
        verify(hierarchy, leaf, now)


def test_an_unknown_critical_extension_is_refused(hierarchy, now):
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    leaf = hierarchy.issuing.issue("alice", KEY, [CLIENT], extra=((unknown, True),))
    with pytest.raises(ChainError):
        verify(hierarchy, leaf, now)
    harmless = hierarchy.issuing.issue("alice", KEY, [CLIENT], extra=((unknown, False),))
    assert verify(hierarchy, harmless, now)[0] == harmless


def test_several_roots_may_be_trusted(hierarchy, now):
    other = TestCa.root("other")
    leaf = hierarchy.issuing.issue("alice", KEY, [CLIENT])
    roots = [other.certificate, hierarchy.root.certificate]
    assert verify(hierarchy, leaf, now, roots=roots)[-1] == hierarchy.root.certificate


def test_the_mark_of_what_was_minted_is_seen(hierarchy, now):
    minted = hierarchy.issuing.issue("alice", KEY, [CLIENT, chain.MINTED])
    assert chain.is_minted(minted)
    assert verify(hierarchy, minted, now)[0] == minted  # PostgreSQL takes it, as it takes others
    assert not chain.is_minted(hierarchy.issuing.issue("alice", KEY, [CLIENT]))
    assert not chain.is_minted(hierarchy.issuing.issue("alice", KEY, []))


def test_the_web_client_says_for_which_browser_it_comes(hierarchy):
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("192.0.2.7"))])
    web = hierarchy.issuing.issue("alice", KEY, [CLIENT, chain.WEB], extra=((address, False),))
    assert chain.is_web(web)
    assert not chain.is_minted(web)
    assert chain.browser_of(web) == "192.0.2.7"
    assert chain.browser_of(hierarchy.issuing.issue("alice", KEY, [CLIENT, chain.WEB])) is None
    assert not chain.is_web(hierarchy.issuing.issue("alice", KEY, [CLIENT]))
