from pgward.ca.resources import json_schema, kinds


def test_everyone_who_is_logged_in_may_see_how_resources_look(alice):
    assert alice.call("GET", "/v1/schemas").json() == {"kinds": list(kinds.KINDS)}
    found = alice.call("GET", "/v1/schemas/services").json()
    assert found == {"schema": json_schema.of("Service")}
    assert alice.call("GET", "/v1/schemas/frog").status_code == 404
