from datetime import timedelta

from pgward.ca.rotation import status
from tests.fixtures.authority import START


def read(ca):
    with ca.store.read() as connection:
        return status.read(connection, ca.clock.now())


def test_every_ca_and_its_end(rotating_ca):
    found = read(rotating_ca)
    assert [each["id"] for each in found["authorities"]] == [
        "user-root",
        "user-issuing",
        "server-root",
        "server-issuing",
    ]
    assert (found["retired"], found["rotations"], found["replicas"]) == ([], [], [])
    issuing = found["authorities"][1]
    assert (issuing["state"], issuing["is_due"]) == ("current", False)
    assert issuing["ends"] - issuing["start_by"] == timedelta(days=180)


def test_a_rotation_with_who_hinders_it(rotating_ca):
    ca = rotating_ca
    ca.api.add("alice")
    alice = ca.api.device("alice")
    alice.certificate()
    name = ca.start("user-issuing").id
    ca.edge()
    (mine,) = read(ca)["rotations"]
    assert (mine["phase"], mine["next"], mine["is_ready"]) == ("trust-both", "issue-new", False)
    assert [each["machine"] for each in mine["laggards"]] == ["edge:e1"]
    ca.advance(name, without=("e1",), reason="scrapped")
    (mine,) = read(ca)["rotations"]
    assert (mine["laggards"], mine["is_ready"]) == ([], False)
    assert mine["held"] == [
        {"kind": "person", "alive": 1, "left": 1, "last_ends": START + timedelta(hours=1)}
    ]
    alice.certificate()
    (mine,) = read(ca)["rotations"]
    assert (mine["is_ready"], mine["held"][0]["left"]) == (True, 0)
    ca.advance(name)
    ca.advance(name, without=("e1",), reason="scrapped")
    assert read(ca)["retired"] == ["user-issuing"]
