from pgward.ca.acme import master
from pgward.ca.acme.master import Master
from tests.fixtures.authority import START


def test_the_secret_of_a_directory_is_made_once(tmp_path, store):
    made = master.open_master(tmp_path, store, START)
    assert (tmp_path / master.FILE).is_file()
    assert master.open_master(tmp_path, store, START).nonce_key == made.nonce_key


def test_keys_follow_from_it_and_differ():
    one, other = Master(b"a" * 32), Master(b"b" * 32)
    keys = {
        *(one.nonce_key, one.eab_secret("1"), one.eab_secret("2")),
        *(other.nonce_key, other.eab_secret("1")),
    }
    assert len(keys) == 5
    assert {len(key) for key in keys} == {32}
    assert one.eab_secret("1") == Master(b"a" * 32).eab_secret("1")
