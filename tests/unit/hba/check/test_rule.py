from pgward.hba.check.finding import Finding, Severity
from pgward.hba.check.rule import Example, Found, rule
from pgward.hba.check.subject import Subject
from pgward.hba.syntax.files import Place
from tests.fixtures.hba_examples import subject_of


def test_a_rule_is_made_of_a_function() -> None:
    @rule("HBA999", "a-name", Severity.NOTE, "a title", why="A reason.", bad=BAD, good=BAD)
    def look(subject: Subject) -> Found:
        yield Place("/hba", 1), f"version {subject.able.version}"

    assert (look.id, look.title, look.why, look.bad) == ("HBA999", "a title", "A reason.", BAD)
    expected = Finding("HBA999", Severity.NOTE, "version 16", Place("/hba", 1))
    assert list(look.findings(subject_of(BAD))) == [expected]


BAD = Example()
