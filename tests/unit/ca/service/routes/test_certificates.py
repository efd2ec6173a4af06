from urllib.parse import quote

from tests.fixtures.ca_service import service


def test_states_are_told_and_chosen(api, admin, alice):
    serial = alice.certificate()["serial"]

    def listed(state):
        found = admin.call("GET", f"/v1/certificates?user=alice&state={state}").json()
        return [each["serial"] for each in found["certificates"]]

    assert (listed("active"), listed("expired")) == ([serial], [])
    api.clock.move(hours=2)
    assert (listed("active"), listed("expired"), listed("revoked")) == ([], [serial], [])


def serials(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["serial"] for each in answer.json()["certificates"]]


def test_a_list_by_owner(api, admin, alice, edge):
    mine = alice.certificate()["serial"]
    host = api.machine(admin, "host", "h1")
    get = lambda query: serials(admin.call("GET", f"/v1/certificates?{query}"))  # noqa: E731
    assert get("user=alice") == [mine]
    assert get("edge=e1") == [f"{edge.chain[0].serial_number:x}"]
    assert get("host=h1") == [f"{host.chain[0].serial_number:x}"]
    assert get("user=nobody") == []


def test_a_list_by_what_it_is(admin, alice):
    found = alice.certificate()
    (shown,) = admin.call("GET", "/v1/certificates?user=alice").json()["certificates"]
    assert shown["log_index"] == 0
    assert shown["client"] == "testclient"
    for query in (
        f"serial={found['serial'].upper()}",
        f"fingerprint=SHA256:{shown['fingerprint'].upper()}",
        f"key={shown['key_sha256']}",
        "valid_at=2026-11-21T12:30:00Z",
        "issued_after=2026-11-21T11:00:00Z",
        "issued_before=2026-11-21T13:00:00Z&user=alice",
    ):
        assert found["serial"] in serials(admin.call("GET", f"/v1/certificates?{query}")), query
    for query in ("serial=ff", f"key={'0' * 64}", "issued_after=2026-11-21T12:00:00Z"):
        assert serials(admin.call("GET", f"/v1/certificates?{query}")) == []


def test_a_list_by_service(admin, alice):
    admin.call("PUT", "/v1/resources/service/orders", service())
    serial = alice.certificate()["serial"]
    assert serials(admin.call("GET", "/v1/certificates?service=orders")) == [serial]
    assert admin.call("GET", "/v1/certificates?service=none").status_code == 404


def test_filters_that_cannot_be(admin):
    queries = ["user=a&host=b", "user=a&kind=edge", "valid_at=2026-11-21T12:00:00", "cursor=x"]
    queries += ["limit=0", "fingerprint=ab", "colour=red", "user=%00", "serial=%00", "serial=g"]
    queries += ["valid_at=9999-12-31T23:59:59Z", "issued_after=0001-01-01T00:00:00%2B14:00"]
    queries += ["cursor=9999-12-31T23:59:59-14:00/ab", "cursor=2026-11-21T12:00:00Z/%00"]
    queries += ["valid_at=0", "issued_before=1795000000"]
    found = [admin.call("GET", f"/v1/certificates?{each}").status_code for each in queries]
    assert found == [422] * len(queries)


def test_pages(admin, alice):
    made = [alice.certificate()["serial"] for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        path = f"/v1/certificates?user=alice&limit=2{cursor}"
        answer = admin.call("GET", path)
        seen += serials(answer)
        found = answer.json()["cursor"]
        cursor = None if found is None else f"&cursor={quote(found)}"
    assert sorted(seen) == sorted(made)


def test_one_certificate_is_shown_to_its_owner_and_to_administrators(api, admin, alice):
    found = alice.certificate()
    api.add("bob")
    path = f"/v1/certificates/{found['serial']}"
    shown = alice.call("GET", path).json()
    assert shown == admin.call("GET", path).json()
    assert (shown["pem"], shown["asked_by"]) == (found["certificate"], "alice")
    fingerprint = shown["fingerprint"]
    assert alice.call("GET", f"/v1/certificates/SHA256:{fingerprint}").json() == shown
    assert api.device("bob").call("GET", path).status_code == 404
    assert admin.call("GET", "/v1/certificates/ff").status_code == 404
    assert admin.call("GET", "/v1/certificates/%00").status_code == 404


def test_only_administrators_list(alice):
    assert alice.call("GET", "/v1/certificates").status_code == 403
