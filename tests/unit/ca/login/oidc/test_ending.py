from pgward.ca.identity import external
from pgward.ca.login.oidc import ending


def test_sessions_end_with_their_certificates_and_are_put_on_record(oidc_world) -> None:
    oidc_world.add(createUsers=True)
    device = oidc_world.logged_in()
    device.certificate()
    office, now = oidc_world.office, oidc_world.api.clock.now()
    with oidc_world.api.store.read() as connection:
        found = external.sessions_of(connection, "corp", now=now)
    for expected in (1, 0):
        assert expected == ending.end(
            office.desk.acts, office.revoker, found, "why", now=now, provider="corp"
        )
    assert device.call("GET", "/v1/me").status_code == 401
    event = oidc_world.event("session.end")
    assert (event["actor"], event["target"]) == ("ann", found["ann"][0])
    assert event["details"] == {"provider": "corp", "reason": "why", "sessions": 1, "revoked": 1}
