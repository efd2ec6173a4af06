from pgward.ca.store import audit
from pgward.ca.store.schema_notices import notices


def test_all_that_becomes_of_a_request_is_on_record(access):
    asked = access.ask()
    access.decide(asked.id, "dora", reason="fine")
    with access.store.read() as connection:
        found = [
            (each["action"], each["actor"], each["target"], each["reason"])
            for each in audit.events(connection, after=0, limit=100)
        ]
    assert found == [
        ("access.request", "ann", asked.id, "a ticket"),
        ("access.approve", "dora", asked.id, "fine"),
        ("access.grant", "dora", asked.id, None),
    ]


def test_people_are_told(access):
    grant = access.granted()
    longer = access.extend(grant.id)
    access.decide(longer.id, "dirk")
    with access.store.read() as connection:
        rows = connection.execute(notices.select().order_by(notices.c.created_at)).all()
    told = {(each.kind, each.request_id): each.recipients for each in rows}
    # What was asked and is answered is withdrawn unless it was taken up already.
    assert told[("extended", grant.id)] == ["ann"]
    assert ("asked", longer.id) not in told
