from cryptography import x509

from tests.fixtures.authority import START

NAMES = ["user-root", "user-issuing", "server-root", "server-issuing"]


def test_the_lists_are_named_numbered_and_dated(api):
    api.clock.move(minutes=9)
    found = api.call("GET", "/v1/crls").json()["crls"]
    assert [each["name"] for each in found] == NAMES
    assert found[1] == {
        "name": "user-issuing",
        "number": int(START.timestamp()),
        "this_update": "2026-11-21T11:59:00Z",
        "next_update": "2026-11-28T12:00:00Z",
        "age_seconds": 600,
        "state": "ok",
        "message": "it lasts until 2026-11-28T12:00:00Z",
    }


def test_one_that_nears_its_end_is_told(api):
    api.clock.move(days=6)
    found = api.call("GET", "/v1/crls").json()["crls"]
    assert [each["state"] for each in found] == ["ok", "critical", "ok", "critical"]
    assert found[1]["message"] == "it ends at 2026-11-28T12:00:00Z"


def test_each_list_comes_in_both_forms(api):
    for name in NAMES:
        der, pem = (api.call("GET", f"/v1/crls/{name}.{form}") for form in ("crl", "pem"))
        assert der.headers["content-type"] == "application/pkix-crl"
        assert der.headers["cache-control"] == "no-cache"
        assert der.headers["last-modified"] == "Sat, 21 Nov 2026 12:00:00 GMT"
        assert x509.load_der_x509_crl(der.content) == x509.load_pem_x509_crl(pem.content)


def test_there_are_no_others(api):
    for name in ("other", "..", "user-root%00", "x" * 40, "Ä"):
        for form in ("crls/{}.crl", "crls/{}.pem", "certs/{}.crt", "certs/{}.pem"):
            assert api.call("GET", f"/v1/{form.format(name)}").status_code in (404, 422)


def test_an_unchanged_list_is_not_sent_again(api, admin, alice):
    path = "/v1/crls/user-issuing.crl"
    tag = api.call("GET", path).headers["etag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = api.call("GET", path, **{"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert api.call("GET", path, **{"If-None-Match": '"1"'}).status_code == 200
    serial = alice.certificate()["serial"]
    admin.call("POST", f"/v1/certificates/{serial}/revoke", {})
    fresh = api.call("GET", path, **{"If-None-Match": tag})
    assert fresh.status_code == 200
    assert x509.load_der_x509_crl(fresh.content).get_revoked_certificate_by_serial_number(
        int(serial, 16)
    )


def test_only_the_cas_list_that_changed_is_made_anew(api, admin, alice):
    paths = [f"/v1/crls/{name}.crl" for name in ("user-issuing", "server-issuing")]
    before = [api.call("GET", path).headers["etag"] for path in paths]
    admin.call("POST", f"/v1/certificates/{alice.certificate()['serial']}/revoke", {})
    after = [api.call("GET", path).headers["etag"] for path in paths]
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True]


def test_each_cas_certificate_comes_in_both_forms(api, sql_authority):
    for name in NAMES:
        der, pem = (api.call("GET", f"/v1/certs/{name}.{form}") for form in ("crt", "pem"))
        found = x509.load_der_x509_certificate(der.content)
        assert found == x509.load_pem_x509_certificate(pem.content)
        assert found == sql_authority.certificates()[name]
        assert name.replace("-", " ") in found.subject.rfc4514_string()
        assert der.headers["content-type"] == "application/pkix-cert"
