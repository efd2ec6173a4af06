import stat

import pytest

from pgward.client.home import Home
from pgward.client.trust import Trust
from pgward.core.errors import InvalidInputError, LoginNeededError
from pgward.pki import keys
from pgward.system.files import FileLock
from tests.fixtures.fake_ca import NOW

TRUST = Trust("https://ca.test", f"SHA256:{'a' * 64}", ())


@pytest.fixture
def home(tmp_path):
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def test_a_prepared_home_is_private_and_empty(home):
    assert stat.S_IMODE(home.directory.stat().st_mode) == 0o700
    assert [entry.name for entry in home.directory.iterdir()] == ["lock"]


def test_the_device_key_is_made_once(home):
    one, two = home.device_key(), home.device_key()
    assert keys.spki(one.public_key()) == keys.spki(two.public_key())
    assert stat.S_IMODE((home.directory / "device.key").stat().st_mode) == 0o600


def test_the_device_key_can_be_read_during_a_renewal(home):
    with FileLock(home.directory / "lock"):
        home.device_key()


def test_a_damaged_device_key_is_not_replaced_in_silence(home):
    (home.directory / "device.key").write_bytes(b"damaged")
    with pytest.raises(InvalidInputError, match=r"device\.key is damaged") as raised:
        home.device_key()
    assert raised.value.hint == "remove it, then: pgward login"


def test_trust_is_the_identitys_before_the_last_one_pinned(home):
    assert not home.has_trust()
    with pytest.raises(LoginNeededError):
        home.trust()
    TRUST.save(home.directory)
    assert (home.has_trust(), home.trust()) == (True, TRUST)
    other = Trust("https://other.test", TRUST.fingerprint, ())
    home.generations.install({"trust.json": (other.to_json(), 0o600)}, NOW)
    assert home.trust() == other


def test_the_last_user_is_remembered(home):
    assert home.last_user() is None
    home.remember_user("alice")
    assert home.last_user() == "alice"
    (home.directory / "last_user").write_bytes(b"\xff")
    assert home.last_user() is None


def test_a_notice_is_given_once(home):
    assert [home.first_notice() for _ in range(3)] == [True, False, False]


def test_paths_are_stable(home):
    current = home.directory / "identity" / "current"
    assert (home.paths.cert, home.paths.key, home.paths.ca) == (
        current / "login.crt",
        current / "login.key",
        current / "ca.crt",
    )
