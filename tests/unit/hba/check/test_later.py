from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.check import sets
from pgward.hba.check.later import Later
from pgward.hba.check.rule import Example
from pgward.hba.syntax.versions import Abilities
from tests.fixtures.hba_examples import subject_of

ABLE = Abilities.of(16)
DATABASES = st.sampled_from(["all", "a", "b", "a,b", "sameuser", "replication", "/^a", '"all"'])
ROLES = st.sampled_from(["all", "a", "b", "a,b", "+g", "/^b", "replication", '"+g"'])
ADDRESSES = st.sampled_from(
    [
        *("all", "10.0.0.0/8", "10.1.2.3/8", "10.1.0.0/16", "10.1.0.7 255.0.0.255", "10.1.0.7/32"),
        *("0.0.0.0/0", "11.0.0.0/8", "::/0", "::1/128", "samenet", "h.test"),
    ]
)
KINDS = st.sampled_from(["host", "hostssl", "hostnossl"])
LINES = st.builds("{} {} {} {} md5".format, KINDS, DATABASES, ROLES, ADDRESSES)


@given(st.lists(LINES, max_size=8))
def test_the_index_finds_one_where_looking_at_each_finds_some(lines) -> None:
    entries = subject_of(Example("\n".join(lines))).rules
    later = Later(ABLE, entries[::2])
    for number, entry in reversed(list(enumerate(entries))):
        after = [each for each in entries[number + 1 :] if each.says.kind == "hostssl"]
        slowly = [each for each in after if sets.may_meet(entry.says, each.says, ABLE)]
        if not number % 2:
            found = later.that_meets(entry)
            assert found in slowly if slowly else found is None
        if entry.says.kind == "hostssl":
            later.add(entry)
