import shutil
from collections import namedtuple

from pgward.client.home import Home
from pgward.doctor.checks import home
from pgward.doctor.finding import Status
from pgward.system.files import StorageError


def test_a_home_in_order(patient):
    assert home.look(patient).status is Status.OK


def test_no_home_yet(patient, tmp_path):
    patient.home = Home(tmp_path / "gone")
    found = home.look(patient)
    assert (found.exit_code, "nobody has logged in here" in found.why) == (4, True)


def test_a_file_in_its_place(patient, tmp_path):
    patient.home = Home(tmp_path / "file")
    patient.home.directory.touch()
    assert "is no directory" in home.look(patient).what


def test_a_way_that_is_no_way(patient, tmp_path):
    (tmp_path / "file").touch()
    patient.home = Home(tmp_path / "file" / "home")
    assert "not a directory" in home.look(patient).what.lower()


def test_somebody_elses(patient, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 4242)
    assert "belongs to another user" in home.look(patient).what


def test_one_that_others_may_enter(patient):
    patient.home.directory.chmod(0o755)
    assert "others may enter" in home.look(patient).what


def test_a_key_that_others_may_read(patient):
    patient.home.paths.key.chmod(0o644)
    found = home.look(patient)
    assert found.hint == f"chmod 0600 {patient.home.paths.key}"


def test_a_disk_that_is_full(patient, monkeypatch):
    def full(_directory):
        raise StorageError("cannot write probe: no space left on device")

    monkeypatch.setattr(home, "prove_writable", full)
    found = home.look(patient)
    assert (found.status, "no certificate can be renewed" in found.why) == (Status.FAIL, True)


def test_a_disk_that_will_be_full(patient, monkeypatch):
    usage = namedtuple("usage", "free")  # noqa: PYI024 - as shutil's own
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(4096))
    assert home.look(patient).status is Status.WARN
