from pgward.connector.status import Report

FACTS = {"integration": "shop-db", "ok": True, "state": "ok", "grants": 3, "turns": 7}


def report(*integrations, connected=True):
    return Report("c1", 7, connected, None, 5, 2, integrations)


def test_all_is_well_where_the_authority_is_there_and_every_server_is():
    away = FACTS | {"ok": False, "state": "away"}
    found = [report(FACTS), report(), report(FACTS, connected=False), report(FACTS, away)]
    assert [each.ok for each in found] == [True, True, False, False]


def test_anyone_may_know_names_and_states():
    assert report(FACTS, connected=False).checks() == {
        "status": "failed",
        "checks": {"ca": "away", "shop-db": "ok"},
    }


def test_an_administrator_may_know_all():
    assert report(FACTS).facts() == {
        "ok": True,
        "name": "c1",
        "pid": 7,
        "connected": True,
        "problem": None,
        "version": 5,
        "reports_waiting": 2,
        "integrations": [FACTS],
    }


def test_metrics_are_prometheus_text():
    text = report(FACTS).metrics()
    assert 'pgward_connector_grants{integration="shop-db"} 3\n' in text
    assert "pgward_connector_connected 1\n" in text
    assert "# TYPE pgward_connector_turns_total counter\n" in text
