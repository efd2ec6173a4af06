import os

from pgward import __version__
from pgward.ca.ceremony import circumstances


def test_who_where_and_with_what():
    facts = circumstances.of_this_process(("Bob", "Eve"))
    assert [label for label, _ in facts] == ["who", "witness", "witness", "where", "system", "tool"]
    told = dict(facts)
    assert told["who"].endswith(f"(uid {os.geteuid()})")
    assert told["tool"].startswith(f"pgward {__version__}, Python ")


def test_an_account_without_a_name(monkeypatch):
    def fail():
        raise OSError("no username set in the environment")

    monkeypatch.setattr("getpass.getuser", fail)
    assert dict(circumstances.of_this_process())["who"].startswith("nobody known (uid ")
