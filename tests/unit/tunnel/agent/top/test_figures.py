from datetime import UTC, datetime

from pgward.tunnel.agent.top.figures import Clocks, Connection, Meter, Service

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
LOGIN = {
    "logged_in": True,
    "user": "alice",
    "session_expires_at": "2026-11-21T20:00:00Z",
    "certificate_expires_at": "2026-11-21T09:00:00Z",
    "problem": None,
}


def answer(*connections, tunnels=(), login=LOGIN):
    return {
        "now": "2026-11-21T08:00:00Z",
        "login": login,
        "tunnels": list(tunnels),
        "connections": list(connections),
        "events": [],
    }


def connection(number=1, up=0, down=0, seconds=60.0, pid=7):
    return {
        "number": number,
        "service": "orders",
        "pid": pid,
        "program": "psql",
        "seconds": seconds,
        "up": up,
        "down": down,
    }


OPEN = {
    "service": "orders",
    "address": "127.0.0.1:15432",
    "active": 2,
    "total": 9,
    "ready_links": 4,
    "problem": "an old one",
}


def test_rates_are_what_changed_between_two_answers():
    meter = Meter()
    first = meter.picture(answer(connection(up=100, down=5000)), [], 10.0)
    assert (first.connections[0].up_rate, first.connections[0].down_rate) == (0.0, 0.0)
    second = meter.picture(answer(connection(up=300, down=5000)), [], 12.0)
    assert second.connections == (Connection(1, "orders", "psql (7)", 60.0, 300, 5000, 100.0, 0.0),)


def test_a_new_connection_carried_all_of_it_meanwhile():
    meter = Meter()
    meter.picture(answer(), [], 10.0)
    new = meter.picture(answer(connection(up=500, seconds=1.5)), [], 12.0).connections[0]
    assert new.up_rate == 250.0


def test_a_clock_that_stands_still_divides_nothing():
    meter = Meter()
    meter.picture(answer(connection()), [], 10.0)
    again = meter.picture(answer(connection(up=100)), [], 10.0).connections[0]
    assert again.up_rate == 0.0


def test_services_with_and_without_a_tunnel():
    waits = {"service": "stock", "address": None, "problem": "the CA is away"}
    meter = Meter()
    meter.picture(answer(tunnels=[OPEN, waits]), [], 10.0)
    picture = meter.picture(
        answer(
            connection(up=100, seconds=0.5),
            connection(2, down=50, seconds=0.5),
            tunnels=[OPEN, waits],
        ),
        ["stock", "orders", "archive"],
        11.0,
    )
    assert picture.services == (
        Service("archive", "closed", "", 0, 0, 0.0, 0.0, ""),
        Service("orders", "open", "127.0.0.1:15432", 2, 9, 100.0, 50.0, ""),
        Service("stock", "waits", "", 0, 0, 0.0, 0.0, "the CA is away"),
    )


def test_the_problem_of_a_tunnel_without_links_is_one_still():
    row = {**OPEN, "ready_links": 0}
    assert Meter().picture(answer(tunnels=[row]), [], 1.0).services[0].problem == "an old one"


def test_a_client_that_nobody_knows():
    assert Meter().picture(answer(connection(pid=None)), [], 1.0).connections[0].client == ""


def test_the_clocks():
    clocks = Meter().picture(answer(), [], 1.0).clocks
    assert clocks == Clocks(
        NOW, "alice", True, NOW.replace(hour=20), NOW.replace(hour=9), problem=""
    )
    nobody = Meter().picture(answer(login={"logged_in": False, "user": None}), [], 1.0).clocks
    assert nobody == Clocks(NOW, None, False, None, None, "")
