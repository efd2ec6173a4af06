from pgward.doctor.checks import libpq_files
from pgward.doctor.finding import Status


def test_a_person_without_files_of_libpq(patient):
    assert libpq_files.look(patient) is None


def test_files_that_libpq_takes_unasked(patient):
    directory = patient.user_home / ".postgresql"
    directory.mkdir(parents=True)
    for name in ("root.crl", "postgresql.crt"):
        (directory / name).touch()
    found = libpq_files.look(patient)
    assert found.status is Status.WARN
    assert "root.crl: plain psql then wants a current revocation list" in found.why
    assert "postgresql.crt: plain psql shows it" in found.why


def test_a_password_file_that_others_may_read(patient):
    patient.user_home.mkdir()
    passwords = patient.user_home / ".pgpass"
    passwords.touch(mode=0o600)
    assert libpq_files.look(patient) is None
    passwords.chmod(0o644)
    assert "libpq ignores it" in libpq_files.look(patient).why
