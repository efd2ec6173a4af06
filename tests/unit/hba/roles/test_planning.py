import pytest

from pgward.hba.roles.facts import Facts, Mark, Role
from pgward.hba.roles.planning import Planned, plan, without
from pgward.hba.roles.wanted import Grant, Own, Person, Wanted

APP = Role("app")
STAFF = Role("staff", login=False)


def facts(*roles, writable=True):
    return Facts({role.name: role for role in (APP, STAFF, *roles)}, writable)


def managed(name="ann", *groups, person=None, map_name="pgward", **more):
    mark = Mark(person or name, map_name, tuple(groups))
    return Role(name, member_of=frozenset(groups), mark=mark, **more)


def wanted(*people, **more):
    return Wanted(maps=("m",), people=people, **more)


def made(want, present=(), known=None, **more):
    return plan(want, frozenset(present), known or facts(), map_name="pgward", **more)


def ann(**more):
    return Person("ann", own=Own("ann", **more))


def test_people_are_mapped_to_roles_that_are_there():
    planned = made(wanted(Person("ann", (Grant("app"), Grant("none-such")))))
    assert planned.pairs == {("ann", "app")}
    assert planned.notes == ("there is no role 'none-such', which ann may be",)


@pytest.mark.parametrize("more", [{"superuser": True}, {}])
def test_nobody_is_mapped_to_what_is_or_becomes_a_superuser(more):
    known = facts(Role("boss", reaches_superuser=True, **more))
    planned = made(wanted(Person("ann", (Grant("boss"),))), known=known)
    assert (planned.pairs, len(planned.notes)) == (frozenset(), 1)
    planned = made(wanted(Person("ann", (Grant("boss", superuser=True),))), known=known)
    assert (planned.pairs, planned.notes) == ({("ann", "boss")}, ())


def test_a_role_is_made_for_a_person():
    planned = made(wanted(ann(member_of=("staff",), connection_limit=3)))
    assert planned.pairs == {("ann", "ann")}
    assert [each.partition(' "')[0] for each in planned.statements] == [
        *("create role", "comment on role", "grant")
    ]
    assert "connection limit 3" in planned.statements[0]


def test_nothing_is_done_twice():
    known = facts(managed("ann", "staff"))
    planned = made(wanted(ann(member_of=("staff",))), [("ann", "ann")], known)
    assert planned == Planned(pairs=frozenset({("ann", "ann")}))


def test_a_role_that_others_made_is_left_alone():
    for role in (Role("ann"), managed("ann", person="ann@example.com")):
        planned = made(wanted(ann()), known=facts(role))
        assert planned.pairs == frozenset()
        assert not any("create" in each or "grant" in each for each in planned.statements)
        assert "is left as it is" in planned.notes[0]


def test_a_role_of_ours_is_mended():
    role = managed("ann", "staff", login=False, extras=True)
    planned = made(wanted(ann(member_of=("app",))), known=facts(role))
    assert [each.partition(" nosuperuser")[0] for each in planned.statements] == [
        'alter role "ann" login',
        'grant "app" to "ann";',
        'revoke "staff" from "ann";',
        (
            'comment on role "ann" is  E\'managed by pgward: {"person": "ann", "map": "pgward", '
            '"memberOf": ["app"]}\';'
        ),
    ]


def test_grants_of_others_stay_and_are_told():
    role = Role("ann", member_of=frozenset({"app"}), mark=Mark("ann", "pgward"))
    planned = made(wanted(ann()), known=facts(role))
    assert (planned.statements, planned.pairs) == ((), {("ann", "ann")})
    assert "was made a member of app by somebody" in planned.notes[0]


def test_a_detour_to_superuser_closes_the_door():
    boss = Role("boss", reaches_superuser=True)
    role = Role("ann", member_of=frozenset({"boss"}), mark=Mark("ann", "pgward"))
    planned = made(wanted(ann()), [("ann", "ann")], facts(boss, role))
    assert (planned.pairs, planned.ended) == (frozenset(), {("ann", "ann")})
    planned = made(wanted(ann(member_of=("boss", "gone"))), known=facts(boss))
    assert not any("grant" in each for each in planned.statements)
    assert len(planned.notes) == 2


def test_who_loses_the_right_is_out():
    known = facts(managed("ann", "staff"), managed("ben", map_name="other"), Role("eve"))
    planned = made(wanted(), [("ann", "ann"), ("ann", "app")], known)
    assert planned.ended == {("ann", "ann"), ("ann", "app")}
    assert planned.ended_roles == {"ann"}
    assert [each.partition(" is ")[0] for each in planned.statements] == [
        *('alter role "ann" nologin;', 'revoke "staff" from "ann";', 'comment on role "ann"')
    ]
    assert planned.dropped == ()


def test_a_role_that_is_out_already_is_only_looked_after():
    planned = made(wanted(), known=facts(managed("ann", login=False)))
    assert (planned.statements, planned.ended_roles) == ((), {"ann"})


def test_only_what_owns_nothing_is_dropped():
    known = facts(managed("ann"), managed("ben", owns=True))
    assert made(wanted(drop_unowned=True), known=known).dropped == ('drop role "ann";',)


def test_on_a_standby_only_the_map_changes():
    known = facts(managed("ann"), writable=False)
    ben = Person("ben", own=Own("ben"))
    planned = made(wanted(ben, drop_unowned=True), [("ann", "ann")], known)
    assert (planned.statements, planned.dropped, planned.pairs) == ((), (), frozenset())
    assert (planned.ended_roles, planned.notes) == (
        {"ann"},
        ("the role 'ben' is made on the primary",),
    )


def test_without_sight_of_roles_the_map_only_shrinks():
    want = wanted(
        Person("ann", (Grant("app"), Grant("new"))), ann(), Person("new", (Grant("app"),))
    )
    present = frozenset({("ann", "app"), ("ann", "ann"), ("ben", "app")})
    planned = plan(want, present, None, map_name="pgward")
    assert planned.pairs == {("ann", "app"), ("ann", "ann")}
    assert (planned.ended, planned.statements) == ({("ben", "app")}, ())


def people(*names):
    return [Person(name, (Grant("app"),)) for name in names]


PRESENT = [(name, "app") for name in "abcde"]


@pytest.mark.parametrize(
    ("want", "stay", "is_held"),
    [
        (wanted(), "abcde", True),
        (Wanted(), "abcde", True),
        (wanted(*people("a", "b")), "abcde", True),
        (wanted(*people("a", "b", "x")), "abcdex", True),
        (wanted(*people("a", "b", "c")), "abc", False),
        (wanted(left=frozenset("abcde")), "", False),
        (wanted(*people("a"), left=frozenset("bcd")), "a", False),
        (wanted(max_removed_percent=100), "", False),
        (wanted(*people("a", "b"), max_removed_percent=60), "ab", False),
    ],
)
def test_most_people_do_not_go_at_once_by_a_slip(want, stay, is_held):
    planned = made(want, PRESENT)
    assert {name for name, _ in planned.pairs} == set(stay)
    assert (planned.held is not None) == is_held
    forced = made(want, PRESENT, force=True)
    assert ({name for name, _ in forced.pairs}, forced.held) == (
        {each.name for each in want.people},
        None,
    )


def test_who_is_blocked_goes_although_others_are_held():
    planned = made(wanted(left=frozenset("a")), PRESENT)
    assert {name for name, _ in planned.pairs} == set("bcde")
    assert planned.held == "4 of 5 people would lose every role at once: b, c, d, e"


def test_two_people_may_both_go():
    assert made(wanted(), PRESENT[:2]).pairs == frozenset()


def test_roles_of_ours_are_held_as_well():
    known = facts(*(managed(name) for name in "abc"))
    planned = made(wanted(), [], known)
    assert (planned.statements, planned.ended_roles) == ((), frozenset())
    assert "3 of 3" in planned.held


def test_a_role_that_the_server_would_not_make():
    for name in ("pg_ann", "public", "none"):
        planned = made(wanted(Person("ann", own=Own(name)), Person("ben", own=Own("ben"))))
        assert planned.notes == (f"the role {name!r} is a name of PostgreSQL's own: ann gets none",)
        assert planned.pairs == {("ben", "ben")}


def test_one_role_is_not_made_for_two():
    planned = made(wanted(Person("a@x", own=Own("a")), Person("a@y", own=Own("a"))))
    assert planned.pairs == {("a@x", "a")}
    assert planned.notes == ("the role 'a' is another person's: a@y gets none",)
    assert len(planned.steps) == 1


def test_no_membership_goes_in_a_circle():
    known = facts(
        managed("ann"),
        Role("inner", member_of=frozenset({"middle"})),
        Role("middle", member_of=frozenset({"ann", "middle"})),
    )
    planned = made(wanted(ann(member_of=("inner", "ann", "staff"))), known=known)
    assert [each for each in planned.statements if "grant" in each] == ['grant "staff" to "ann";']
    assert len(planned.notes) == 2
    assert planned.pairs == {("ann", "ann")}


def test_a_role_that_cannot_log_in_is_told():
    planned = made(wanted(Person("ann", (Grant("staff"),))))
    assert planned.notes == ("'staff' is NOLOGIN: ann cannot log in as it",)


def test_what_is_left_where_the_server_refuses():
    want = wanted(ann(), Person("ben", own=Own("ben")))
    planned = made(want, [("ann", "ann")]).without({"ann": "PostgreSQL refused: no"})
    assert (planned.pairs, planned.ended) == ({("ben", "ben")}, {("ann", "ann")})
    assert planned.notes == ("nothing was done about the role 'ann': PostgreSQL refused: no",)


def test_where_nothing_is_known_only_what_is_over_goes():
    present = frozenset({("ann", "a_1"), ("ben", "app")})
    planned = without(frozenset({("ann", "a_1"), ("eve", "e_1")}), present)
    expected = Planned(pairs=frozenset({("ben", "app")}), ended=frozenset({("ann", "a_1")}))
    assert planned == expected
