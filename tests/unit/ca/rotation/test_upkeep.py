from pgward.ca.rotation import replicas
from pgward.ca.rotation.upkeep import RotationUpkeep


def present(ca):
    with ca.store.read() as connection:
        return [each.address for each in replicas.present(connection, ca.clock.now())]


def test_a_replica_shows_itself_and_takes_steps_up(rotating_ca):
    steps = []
    upkeep = RotationUpkeep(
        rotating_ca.authority, rotating_ca.store, "ca1:1", lambda: steps.append("step")
    )
    upkeep.run()
    assert (present(rotating_ca), steps) == (["ca1:1"], [])
    rotating_ca.start("user-issuing")
    assert steps == ["step"]
    upkeep.end()
    assert present(rotating_ca) == []


def test_an_end_that_comes_near_is_told_once_a_day(rotating_ca, caplog):
    upkeep = RotationUpkeep(rotating_ca.authority, rotating_ca.store, "ca1:1", lambda: None)
    upkeep.run()
    assert "ends in" not in caplog.text
    rotating_ca.clock.move(days=5 * 365 - 100)
    for _ in range(2):
        upkeep.run()
        assert caplog.text.count("the CA user-issuing ends in") == 1
    rotating_ca.clock.move(days=1)
    upkeep.run()
    assert caplog.text.count("the CA user-issuing ends in") == 2
