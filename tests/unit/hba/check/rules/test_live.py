from pgward.hba.check.live import Live, Role, Said
from pgward.hba.check.rule import Example
from pgward.hba.check.rules import live, people
from pgward.hba.decide.connection import World
from pgward.hba.syntax.files import Place
from tests.fixtures.hba_examples import subject_of


def found(rule, said: Live | None) -> list[str]:
    subject = subject_of(Example(live=said))
    return [f"{each.place} {each.message}" for each in rule.findings(subject)]


def test_files_alone_say_nothing() -> None:
    assert [found(each, None) for each in live.RULES] == [[]] * len(live.RULES)


def test_what_a_server_says_is_told_with_its_place() -> None:
    said = Live(
        changed={"/hba": "changed 1 hour after"},
        refused=[Said(Place("/hba", 3), "(no reason)")],
        refused_settings=[Said(Place("/conf", 4), "ssl: setting could not be applied")],
        pending=[Said(None, "port is still '1'")],
        unseen=["x was not seen"],
    )
    assert [found(each, said) for each in live.RULES] == [
        ["/hba:1 changed 1 hour after: the server does not run on what stands here"],
        ["/hba:3 the server would not take this line: (no reason)"],
        ["/conf:4 the server would not take this: ssl: setting could not be applied"],
        ["None port is still '1' until the next restart"],
        ["None x was not seen"],
    ]


def test_a_superuser_in_a_group_is_found_by_it() -> None:
    world = World({"dba": frozenset(), "root": frozenset({"dba"})})
    said = Live(roles=[Role("root", is_superuser=True)], world=world)
    subject = subject_of(Example("hostssl all +dba 10.0.0.0/8 md5", live=said))
    object.__setattr__(subject, "superusers", said.superusers)
    (finding,) = people.without_certificate.findings(subject)
    assert "superuser root" in finding.message
