import os

from pgward.hba.roles.ending import Ending
from pgward.hba.server.disk import Disk
from pgward.system.postgres import Account

PAIRS = frozenset({("ann", "app"), ("ben", 'a"b')})


def test_pairs_are_kept_until_there_are_none(tmp_path):
    ending = Ending(tmp_path / "ending.json", Disk(Account("me", os.geteuid(), os.getegid())))
    assert ending.load() == frozenset()
    ending.save(PAIRS)
    assert ending.load() == PAIRS
    ending.save(())
    assert (ending.load(), list(tmp_path.iterdir())) == (frozenset(), [])


def test_a_damaged_file_holds_none(tmp_path):
    ending = Ending(tmp_path / "ending.json", Disk(Account("me", os.geteuid(), os.getegid())))
    for text in ("{", "[1]", "5"):
        (tmp_path / "ending.json").write_text(text)
        assert ending.load() == frozenset()
