from pgward.access.plans import End, Plan, Sql, Step

GIVE = Step("create", "alice", (Sql("CREATE ROLE alice"),))
TAKE = Step("revoke", "bob", (Sql("REVOKE x"),), "shop")
END = End("end", "bob", every=True)
PLAN = Plan((GIVE, TAKE), (END,))


def test_a_plan_reads_in_the_order_in_which_it_is_done() -> None:
    assert list(PLAN.text()) == [
        (None, "-- ends every session of 'bob'"),
        ("shop", "REVOKE x;"),
        (None, "CREATE ROLE alice;"),
    ]


def test_what_only_takes_gives_nothing() -> None:
    assert PLAN.only_taking() == Plan((TAKE,), (END,))


def test_a_plan_with_nothing_to_do_is_empty() -> None:
    assert Plan().empty
    assert not PLAN.empty
    assert not Plan(ends=(END,)).empty


def test_a_verifier_is_in_what_is_run_and_in_nothing_that_is_shown() -> None:
    statement = Sql('ALTER ROLE "a" PASSWORD ', verifier_of="a")
    assert statement.text == "ALTER ROLE \"a\" PASSWORD '...';"
    assert statement.filled("SCRAM-SHA-256$x") == "ALTER ROLE \"a\" PASSWORD E'SCRAM-SHA-256$x';"
