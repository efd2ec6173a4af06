from pgward.hba.check.live import Live, Role, Said
from pgward.hba.syntax.files import Place


def test_superusers_are_those_who_may_log_in() -> None:
    roles = [
        Role("ann", is_superuser=True),
        Role("all_powers", can_login=False, is_superuser=True),
        Role("bob"),
    ]
    assert Live(roles=roles).superusers == {"ann"}


def test_all_that_is_wrong_as_lines() -> None:
    live = Live(
        changed={"/hba": "changed"},
        refused=[Said(Place("/hba", 3), "bad")],
        pending=[Said(None, "waits")],
        unseen=["hidden"],
    )
    assert live.said == ["/hba: changed", "/hba:3: bad", "waits", "hidden"]
    assert Live().said == []
