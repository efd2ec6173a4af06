import pytest

from pgward.hba.check import wording
from pgward.hba.syntax import rules
from pgward.hba.syntax.tokens import fields
from pgward.hba.syntax.versions import Abilities


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("host shop bob 10.0.0.0/8 md5", "lets bob into shop from 10.0.0.0/8 by md5"),
        ("local all all trust", "lets everyone into every database over the Unix socket by trust"),
        (
            'host "all" "all" all md5',
            'lets "all" into "all" from everywhere by md5',
        ),
        (
            "host sameuser +dba,ann samenet md5",
            (
                "lets members of dba and ann into the database of the role's name "
                "from the server's own networks by md5"
            ),
        ),
        (
            'host a,b,c,d,e "+x","ann" .example.com md5',
            'lets "+x" and ann into a, b, c and 2 more from hosts under .example.com by md5',
        ),
        (
            "host replication,samerole all db.example.com md5",
            (
                "lets everyone into physical replication and the databases of the role's groups "
                "from the host db.example.com by md5"
            ),
        ),
        ("host shop bob all reject", "keeps bob out of shop from everywhere"),
        ("host a b samehost md5", "lets b into a from this machine by md5"),
    ],
)
def test_a_rule_in_words(line: str, said: str) -> None:
    assert wording.lets(rules.read(fields(line), Abilities.of(16))) == said


def test_others_than_it_names() -> None:
    rule = rules.read(fields("host a all all md5"), Abilities.of(16))
    assert wording.lets(rule, "superuser x") == "lets superuser x into a from everywhere by md5"
