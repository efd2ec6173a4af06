from pgward.ca.service.routes import expiries


def listed(admin, days=90):
    answer = admin.call("GET", "/v1/expiries", query=f"?days={days}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_machines_are_listed_by_the_end_of_what_they_have(api, admin, edge, clock):
    ends = edge.chain[0].not_valid_after_utc
    days = (ends - clock.now()).days
    assert listed(admin, 1) == {"expiries": [], "more": False}
    (found,) = listed(admin, days + 1)["expiries"]
    assert (found["kind"], found["subject"]) == ("edge", "e1")
    clock.move(days=days + 10)
    again = api.device("root")
    assert len(listed(again, 1)["expiries"]) == 1  # it has ended
    clock.move(days=30)
    assert listed(api.device("root"), 1)["expiries"] == []


def test_what_is_too_much_is_told(api, admin, monkeypatch):
    monkeypatch.setattr(expiries, "_MOST", 1)
    for name in ("e1", "e2"):
        api.machine(admin, "edge", name)
    found = listed(admin)
    assert (len(found["expiries"]), found["more"]) == (1, True)


def test_others_see_nothing_of_it(alice):
    assert alice.call("GET", "/v1/expiries").status_code == 403
