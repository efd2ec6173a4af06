"""The log over HTTP: what it says is proved with the same code that clients use."""

from base64 import b64decode

from pgward.pki import log_entry, merkle, tree_head
from pgward.pki.log_entry import CertificateEntry


def hashes(values: list[str]) -> list[bytes]:
    return [bytes.fromhex(each) for each in values]


def head_of(api, log_key) -> tree_head.TreeHead:
    reply = api.call("GET", "/v1/log/head").json()
    assert reply["public_key"] == tree_head.dump_key(log_key.public_key())
    found = tree_head.verify(reply["head"]["jws"], log_key.public_key())
    assert {"jws": reply["head"]["jws"], **found.to_json()} == reply["head"]
    return found


def test_anyone_may_see_the_head(api, log_key, alice):
    assert head_of(api, log_key).size == 0
    alice.certificate()
    api.clock.move(seconds=59)
    assert head_of(api, log_key).size == 0
    api.clock.move(seconds=1)
    assert head_of(api, log_key).size == 1


def test_a_certificate_is_proved_by_serial_fingerprint_and_index(log_key, alice, admin):
    found = [alice.certificate()["serial"] for _ in range(5)]
    path = "/v1/log/proof/inclusion"
    shown = alice.call("GET", f"/v1/certificates/{found[2]}").json()
    reply = alice.call("GET", f"{path}?serial={found[2]}").json()
    head = tree_head.verify(reply["head"]["jws"], log_key.public_key())
    assert (reply["log_index"], reply["size"], head.size) == (2, 5, 5)
    leaf = bytes.fromhex(reply["leaf_hash"])
    merkle.check_inclusion(leaf, 2, 5, hashes(reply["proof"]), head.root)
    assert alice.call("GET", f"{path}?fingerprint={shown['fingerprint']}").json() == reply
    assert alice.call("GET", f"{path}?index=2").json() == reply
    assert admin.call("GET", f"{path}?index=2").json() == reply
    smaller = alice.call("GET", f"{path}?index=2&size=3").json()
    assert (smaller["size"], smaller["head"], len(smaller["proof"])) == (3, None, 1)


def test_a_proof_about_somebody_else_is_not_given(api, alice, admin):
    serial = alice.certificate()["serial"]
    api.add("bob")
    bob = api.device("bob")
    for query in (f"serial={serial}", "index=0", "serial=ff", "index=99"):
        assert bob.call("GET", f"/v1/log/proof/inclusion?{query}").status_code == 404
    assert admin.call("GET", f"/v1/log/proof/inclusion?serial={serial}").status_code == 200


def test_inclusion_that_cannot_be(alice):
    alice.certificate()
    for query in ("", "serial=a&index=0", "index=-1", "index=0&size=0", "index=0&size=9"):
        assert alice.call("GET", f"/v1/log/proof/inclusion?{query}").status_code == 422


def test_the_log_only_grows_and_anyone_can_see_it(api, log_key, heads, alice):
    alice.certificate()
    heads.sign()
    first = head_of(api, log_key)
    for _ in range(6):
        alice.certificate()
    heads.sign()
    second = head_of(api, log_key)
    reply = api.call("GET", "/v1/log/proof/consistency?first=1&second=7").json()
    proof = hashes(reply["proof"])
    merkle.check_consistency(first.size, first.root, second.size, second.root, proof)


def test_consistency_that_cannot_be(api):
    for query in ("first=2&second=1", "first=0&second=1", "first=-1&second=0", ""):
        assert api.call("GET", f"/v1/log/proof/consistency?{query}").status_code == 422


def test_an_administrator_reads_all_entries(alice, admin, heads):
    serial = alice.certificate()["serial"]
    alice.certificate()
    admin.certificate()
    admin.call("POST", f"/v1/certificates/{serial}/revoke", {"reason": "superseded"})
    heads.sign()
    first = admin.call("GET", "/v1/log/entries?limit=3").json()
    assert (len(first["entries"]), first["next"]) == (3, 3)
    second = admin.call("GET", "/v1/log/entries?start=3&limit=3").json()
    assert (len(second["entries"]), second["next"]) == (1, None)
    every = [*first["entries"], *second["entries"]]
    encoded = [b64decode(each["entry"]) for each in every]
    assert [merkle.leaf_hash(each).hex() for each in encoded] == [x["leaf_hash"] for x in every]
    root = merkle.root_of(hashes([each["leaf_hash"] for each in every]))
    assert root.hex() == second["head"]["root"]
    assert [each["type"] for each in every] == [1, 1, 1, 2]
    assert every[3]["serial"] == serial


def test_a_person_reads_the_own_entries(alice, admin, heads):
    for device in (alice, admin, alice, alice):
        device.certificate()
    heads.sign()
    first = alice.call("GET", "/v1/log/entries?limit=2").json()
    assert ([each["log_index"] for each in first["entries"]], first["next"]) == ([0, 2], 3)
    rest = alice.call("GET", "/v1/log/entries?start=3&limit=2").json()
    assert ([each["log_index"] for each in rest["entries"]], rest["next"]) == ([3], None)
    entry = log_entry.decode(b64decode(rest["entries"][0]["entry"]))
    assert isinstance(entry, CertificateEntry)
    assert (entry.subject, entry.client) == ("alice", "testclient")


def test_every_certificate_in_ones_own_name_with_its_proof(log_key, alice, admin):
    admin.certificate()
    mine = [alice.certificate()["serial"] for _ in range(3)]
    reply = alice.call("GET", "/v1/me/certificates?limit=2").json()
    assert len(reply["certificates"]) == 2
    rest = alice.call("GET", f"/v1/me/certificates?cursor={reply['cursor']}").json()
    assert rest["cursor"] is None
    shown = [*reply["certificates"], *rest["certificates"]]
    assert sorted(each["serial"] for each in shown) == sorted(mine)
    for page in (reply, rest):
        head = tree_head.verify(page["head"]["jws"], log_key.public_key())
        for each in page["certificates"]:
            entry = b64decode(each["entry"]["entry"])
            merkle.check_inclusion(
                merkle.leaf_hash(entry),
                each["log_index"],
                head.size,
                hashes(each["proof"]),
                head.root,
            )


def test_nobody_else_may_ask(api):
    for path in ("/v1/me/certificates", "/v1/log/entries", "/v1/log/proof/inclusion?index=0"):
        assert api.call("GET", path).status_code == 401
