from hypothesis import given
from hypothesis import strategies as st

from pgward.hba.check import sets
from pgward.hba.check.earlier import Earlier
from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of

NAMES = st.sampled_from(["all", "a", "b", "a,b", "b,a", "+g", "replication"])
ADDRESSES = st.sampled_from(
    [
        *("all", "10.0.0.0/8", "10.1.2.3/8", "10.1.0.0/16", "10.1.0.7 255.0.0.255", "10.1.0.7/32"),
        *("::/0", "::1/128", "samenet", "h.test"),
    ]
)
LINES = st.builds("host {} {} {} md5".format, NAMES, NAMES, ADDRESSES) | st.builds(
    "local {} {} peer".format, NAMES, NAMES
)


@given(st.lists(LINES, max_size=8))
def test_the_index_finds_what_looking_at_each_finds(lines) -> None:
    entries = subject_of(Example("\n".join(lines))).rules
    before = Earlier(entries[::2])
    for number, entry in enumerate(entries):
        slowly = [each for each in entries[:number] if sets.covers(each.says, entry.says)]
        if not number % 2:
            assert before.that_covers(entry) is (slowly[0] if slowly else None)
        before.add(entry)
