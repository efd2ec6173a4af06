from dataclasses import replace
from datetime import timedelta

import pytest

from pgward.ca import hierarchy
from pgward.ca.authority import Authority
from pgward.ca.generations import Generations, State
from pgward.ca.issuing import profiles
from pgward.ca.issuing.rules import NO_RULES
from pgward.ca.keys.signer import KeySigner
from pgward.ca.records import CaName, Kind, Revocation
from pgward.ca.settings import Settings
from pgward.ca.standing import Loader, Standing
from pgward.ca.store.certificates import SqlCertificates
from pgward.core.errors import UnavailableError
from pgward.pki import chain, csr, fingerprint, keys, pem
from pgward.pki.errors import ChainError
from tests.fixtures.authority import START

KEY = keys.generate()
REQUEST = csr.make(KEY)


def login(authority, ends=START + timedelta(hours=12)):
    return authority.begin_login(
        REQUEST, user="alice", session_id="s1", session_ends=ends, rules=NO_RULES
    ).result()


def edge(authority):
    return authority.issue_server(REQUEST, kind=Kind.EDGE, name="e1", dns=["e1.example.com"])


def test_trust_and_fingerprint(authority, hierarchies):
    trust = authority.trust
    assert (trust.name, trust.user_roots) == ("pgward", (hierarchies.user.root,))
    assert authority.fingerprint == fingerprint.of(trust.server_roots[0])


def test_a_login_certificate_lives_an_hour(authority):
    assert login(authority).certificate.not_valid_after_utc == START + timedelta(hours=1)


def test_a_login_certificate_never_outlives_its_session(authority):
    ends = START + timedelta(minutes=20)
    assert login(authority, ends).certificate.not_valid_after_utc == ends


def test_a_login_certificate_leads_to_the_user_root_only(authority):
    issued, trust = login(authority), authority.trust
    arguments = (issued.certificate, issued.chain)
    now, purpose = authority.clock.now(), chain.CLIENT_AUTH
    assert chain.verify(*arguments, trust.user_roots, now, purpose)
    with pytest.raises(ChainError):
        chain.verify(*arguments, trust.server_roots, now, purpose)


def test_a_machine_is_known_by_its_chain(authority):
    issued = edge(authority)
    leaf = authority.verify_machine([issued.certificate, *issued.chain])
    assert leaf == issued.certificate
    assert leaf.not_valid_after_utc == START + timedelta(days=30)


def test_a_person_is_no_machine(authority):
    issued = login(authority)
    with pytest.raises(ChainError):
        authority.verify_machine([issued.certificate, *issued.chain])


def test_a_machine_with_an_expired_certificate_is_refused(authority, clock):
    issued = edge(authority)
    clock.move(days=31)
    with pytest.raises(ChainError, match="expired"):
        authority.verify_machine([issued.certificate, *issued.chain])


def test_openssl_accepts_both_chains_with_all_crls(authority, openssl, hierarchies):
    crls = "".join(openssl_crl(openssl, each.der) for each in authority.crls())
    lists = openssl.write("crls.pem", crls.encode())
    for issued, root, purpose in [
        (login(authority), hierarchies.user.root, "sslclient"),
        (edge(authority), hierarchies.server.root, "sslserver"),
    ]:
        out = verify(openssl, issued, root, lists, purpose)
        assert out.endswith("leaf.pem: OK\n")
        wrong = "sslserver" if purpose == "sslclient" else "sslclient"
        assert "unsuitable certificate purpose" in verify(openssl, issued, root, lists, wrong)


def test_openssl_finds_a_revoked_certificate(authority, openssl, hierarchies, memory_store):
    issued = login(authority)
    serial = issued.certificate.serial_number
    memory_store.revoke(serial, Revocation(serial, START))
    authority.publish_crls()
    crls = "".join(openssl_crl(openssl, each.der) for each in authority.crls())
    lists = openssl.write("crls.pem", crls.encode())
    out = verify(openssl, issued, hierarchies.user.root, lists, "sslclient")
    assert "certificate revoked" in out


def openssl_crl(openssl, der):
    return openssl.run("crl", "-inform", "DER", "-in", openssl.write("one.crl", der))


def verify(openssl, issued, root, lists, purpose):
    files = {
        "leaf.pem": [issued.certificate],
        "issuing.pem": issued.chain,
        "root.pem": [root],
    }
    leaf, issuing, trusted = (openssl.write(name, pem.join(c)) for name, c in files.items())
    return openssl.run(
        *("verify", "-x509_strict", "-crl_check_all", "-CRLfile", lists, "-purpose", purpose),
        *("-attime", int(START.timestamp()), "-CAfile", trusted, "-untrusted", issuing, leaf),
    )


def test_each_generation_has_its_ocsp_delegate(hierarchies, memory_store, clock):
    standing = Standing.of(hierarchies)
    successor = hierarchy.create("Acme", CaName.USER_ROOT, CaName.USER_ISSUING, START)
    added = [
        replace(
            standing.generations.get(new.name),
            id=f"{new.name}-2",
            state=State.NEXT,
            certificate=new.certificate,
        )
        for new in (successor.root, successor.issuing)
    ]
    rotated = Standing(
        Generations.of([*standing.generations.all, *added]),
        {**standing.signers, "user-issuing-2": successor.issuing.as_issuing().signer},
    )
    made = Authority(Settings(), standing, memory_store, clock, reload=lambda: rotated)
    before = {each.ca: each for each in made.ocsp_signers}
    made.refresh()
    after = {each.ca: each for each in made.ocsp_signers}
    made.close()
    assert after.keys() == {*before, "user-issuing-2"}
    assert {name: after[name] for name in before} == before


def test_every_cas_certificate_is_told_by_its_id(authority, hierarchies):
    assert authority.certificates() == {
        "user-root": hierarchies.user.root,
        "user-issuing": hierarchies.user.issuing.certificate,
        "server-root": hierarchies.server.root,
        "server-issuing": hierarchies.server.issuing.certificate,
    }


def test_another_ca_under_the_same_root_vouches_for_no_machine(authority, new_server_hierarchy):
    theirs = keys.generate()
    root = new_server_hierarchy.root
    ca = build(profiles.ISSUING, "theirs", theirs, root.certificate, root.key)
    leaf = build(profiles.SERVER, "edge1", keys.generate(), ca, theirs, dns=("a.example.com",))
    direct = build(profiles.SERVER, "x", theirs, root.certificate, root.key, dns=("a.example.com",))
    for presented in ([leaf, ca], [direct]):
        with pytest.raises(ChainError, match="was issued by another CA"):
            authority.verify_machine(presented)


def build(profile, name, key, issuer, signing_key, **more):
    contents = profiles.Contents(
        profiles.common_name(name),
        key.public_key(),
        2**80,
        START,
        START + timedelta(days=1),
        **more,
    )
    return KeySigner(signing_key).sign_certificate(profiles.build(profile, contents, issuer))


def test_who_cannot_take_up_a_step_is_told_again(rotating_ca):
    """A disk that is full for a moment holds no rotation up for longer."""
    told = []

    def listen():
        told.append(len(told))
        if len(told) == 1:
            raise UnavailableError("the disk is full")

    ca, loader = rotating_ca, Loader(rotating_ca.store, rotating_ca.keeper, rotating_ca.clock)
    certificates = SqlCertificates(ca.store, ca.clock)
    other = Authority(Settings(), loader(), certificates, ca.clock, reload=loader)
    other.on_refresh(listen)
    ca.start("user-issuing")
    assert [other.refresh() for _ in range(3)] == [True, False, False]
    other.close()
    assert told == [0, 1]
