from tests.fixtures.ca_service import PASSWORD


def test_people_are_found_a_page_at_a_time(api, admin):
    for name in ("alice", "bob"):
        api.add(name, "web", password=None)
    first = admin.call("GET", "/v1/people", query="?limit=2").json()
    assert ([each["name"] for each in first["people"]], first["total"]) == (["alice", "bob"], 3)
    rest = admin.call("GET", "/v1/people", query=f"?limit=2&after={first['after']}").json()
    assert [each["name"] for each in rest["people"]] == ["root"]
    assert (rest["after"], rest["total"]) == (None, 3)
    root = rest["people"][0]
    assert (root["factors"], root["invited_until"]) == ([], None)
    assert root["last_seen_at"] is not None
    found = admin.call("GET", "/v1/people", query="?group=web&text=BO").json()
    assert [each["name"] for each in found["people"]] == ["bob"]
    assert PASSWORD not in str(found)


def test_what_makes_no_sense_is_refused(admin, alice):
    for query in ("?limit=0", "?limit=1001", "?standing=x", "?text=%00", f"?text={'x' * 201}"):
        assert admin.call("GET", "/v1/people", query=query).status_code == 422, query
    assert alice.call("GET", "/v1/people").status_code == 403
