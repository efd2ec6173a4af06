def test_an_edge_that_never_asked_was_never_seen(admin, edge):
    assert edge.chain
    answer = admin.call("GET", "/v1/edges").json()
    (row,) = answer["edges"]
    assert (row["last_seen_at"], row["snapshot_version"]) == (None, None)
    assert answer["version"] > 1


def test_removing_what_is_not_there(admin):
    answer = admin.call("DELETE", "/v1/edges/e9")
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "there is no edge 'e9'")
