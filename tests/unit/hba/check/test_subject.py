from pgward.hba.check.rule import Example
from tests.fixtures.hba_examples import subject_of


def test_what_is_right_and_what_is_not() -> None:
    subject = subject_of(Example("x\nlocal all all peer\nlocal a b peer", "m a\nm a b"))
    assert [(str(each.place), each.number) for each in subject.rules] == [
        ("/hba:2", 0),
        ("/hba:3", 1),
    ]
    assert [str(each.place) for each in subject.hba_problems] == ["/hba:1:1"]
    assert [each.says.map for each in subject.mappings] == ["m"]
    assert [str(each.place) for each in subject.ident_problems] == ["/ident:1:4"]
    assert len(subject.server.rules) == 2
    assert len(subject.server.mappings) == 1


def test_the_last_setting_of_a_name_counts() -> None:
    subject = subject_of(Example(conf="SSL = on\nport = 1\nssl = off\nbad ="))
    assert (subject.setting("ssl", "x"), subject.setting("none", "x")) == ("off", "x")
    placed = subject.placed_setting("ssl")
    assert str(placed and placed.place) == "/conf:3:1"
    assert subject_of(Example()).placed_setting("ssl") is None
