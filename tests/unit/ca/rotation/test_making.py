"""New CAs, judged by OpenSSL and pkilint as well."""

import pytest

from pgward.ca.generations import State
from pgward.ca.records import CaName, Kind
from pgward.ca.rotation import making
from pgward.ca.rotation.making import Plan
from pgward.ca.store.certificates import CertificateFilter, find
from pgward.core.errors import ConflictError, InvalidInputError
from pgward.pki import csr, keys, pem
from tests.fixtures.authority import START
from tests.fixtures.pkilint import lint_certificate

REQUEST = csr.make(keys.generate())


def probe(ca, rotation):
    return ca.authority.issue_probe(REQUEST, ca=rotation.new_issuing, hierarchy=rotation.hierarchy)


def verify(openssl, ca, issued, roots):
    """Ask OpenSSL, with the lists of all CAs, whether these roots lead to a certificate."""
    lists = b"".join(
        openssl.run("crl", "-inform", "DER", "-in", openssl.write("one.crl", each.der)).encode()
        for each in ca.authority.crls()
    )
    return openssl.run(
        *("verify", "-x509_strict", "-crl_check_all"),
        *("-CRLfile", openssl.write("lists.pem", lists)),
        *("-attime", int(START.timestamp())),
        *("-CAfile", openssl.write("roots.pem", pem.join(roots))),
        *("-untrusted", openssl.write("chain.pem", pem.join(issued.chain))),
        openssl.write("leaf.pem", pem.join([issued.certificate])),
    )


@pytest.mark.parametrize("side", ["user", "server"])
def test_an_issuing_ca_gets_a_successor_under_the_same_root(rotating_ca, openssl, side):
    made = rotating_ca.start(f"{side}-issuing")
    known = rotating_ca.authority.standing.generations
    assert (made.old, made.new) == ((f"{side}-issuing",), (f"{side}-issuing-2",))
    new = known.get(f"{side}-issuing-2")
    assert (new.state, new.cross, new.key) == (
        State.NEXT,
        (),
        f"file:keys/{side}-issuing-2.key",
    )
    assert new.certificate.subject != known.get(f"{side}-issuing").certificate.subject
    issued = probe(rotating_ca, made)
    assert issued.chain == (new.certificate,)
    root = known.get(f"{side}-root").certificate
    assert verify(openssl, rotating_ca, issued, [root]).endswith("leaf.pem: OK\n")
    for path in (rotating_ca.directory / "certs" / f"{new.id}.crt",):
        assert pem.split(path.read_bytes()) == [new.certificate]


@pytest.mark.parametrize("side", ["user", "server"])
def test_who_knows_only_one_of_the_roots_trusts_what_is_below_the_new_one(
    rotating_ca, openssl, side
):
    made = rotating_ca.start(f"{side}-root")
    known = rotating_ca.authority.standing.generations
    old, new = known.get(f"{side}-root").certificate, known.get(f"{side}-root-2").certificate
    (cross,) = known.get(f"{side}-root-2").cross
    assert cross.subject == new.subject == old.subject == cross.issuer
    assert cross.public_key() == new.public_key() != old.public_key()
    issued = probe(rotating_ca, made)
    assert issued.chain == (known.get(f"{side}-issuing-2").certificate, cross)
    for roots in ([old], [new], [old, new]):
        assert verify(openssl, rotating_ca, issued, roots).endswith("leaf.pem: OK\n")
    assert pem.split(
        (rotating_ca.directory / "certs" / f"{side}-root-2-cross.crt").read_bytes()
    ) == [cross]


def test_pkilint_finds_nothing(rotating_ca):
    made = rotating_ca.start("user-root")
    known = rotating_ca.authority.standing.generations
    new = [known.get(name) for name in made.new]
    found = [each.certificate for each in new] + list(new[0].cross)
    found.append(probe(rotating_ca, made).certificate)
    assert [lint_certificate(each) for each in found] == [[]] * 4


def test_all_of_it_is_stored_and_told(rotating_ca):
    rotating_ca.start("user-root")
    with rotating_ca.store.read() as connection:
        rows = find(connection, CertificateFilter(kind=Kind.CA.value))
    assert sorted((row["ca"], row["subject"], row["state"]) for row in rows) == [
        ("user-root", "user-root-2", "issued"),  # the cross certificate
        ("user-root-2", "user-issuing-2", "issued"),
        ("user-root-2", "user-root-2", "issued"),
    ]
    (event,) = [e for e in rotating_ca.api.events() if e["action"] == "rotation.start"]
    assert event["target"] == "user-root-2"
    assert sorted(event["details"]) == ["user-issuing-2", "user-root-2"]


def test_a_hierarchy_is_rotated_once_at_a_time(rotating_ca):
    rotating_ca.start("user-issuing")
    with pytest.raises(ConflictError, match="rotation user-issuing-2 is under way"):
        rotating_ca.start("user-root")
    assert rotating_ca.start("server-root").id == "server-root-2"


def test_a_lost_roots_key(rotating_ca):
    with pytest.raises(InvalidInputError, match="key of user-root is needed"):
        rotating_ca.start("user-issuing", without_root=True)
    rotating_ca.start("user-root", without_root=True)
    assert rotating_ca.authority.standing.generations.get("user-root-2").cross == ()


def test_another_key_than_the_roots_is_refused(rotating_ca):
    wrong = rotating_ca.keeper.load("file:keys/user-issuing.key")
    plan = Plan(CaName.USER_ISSUING, "Acme", wrong)
    with pytest.raises(InvalidInputError, match="not the key of user-root"):
        making.start(
            rotating_ca.store, rotating_ca.directory, rotating_ca.keeper, plan, rotating_ca.clock
        )


def test_a_run_that_was_cut_off_can_be_run_again(rotating_ca, monkeypatch):
    def cut(*_):
        raise KeyboardInterrupt

    version = rotating_ca.store.version()
    with monkeypatch.context() as patch:
        patch.setattr(making._Maker, "_store_all", cut)
        with pytest.raises(KeyboardInterrupt):
            rotating_ca.start("user-root")
    assert rotating_ca.store.version() == version
    left = rotating_ca.keeper.load("file:keys/user-root-2.key").public_key
    assert rotating_ca.start("user-root").id == "user-root-2"
    known = rotating_ca.authority.standing.generations
    assert known.get("user-root-2").certificate.public_key() == left
