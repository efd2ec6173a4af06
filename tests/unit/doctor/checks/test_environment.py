import pytest

from pgward.doctor.checks import environment
from pgward.doctor.finding import Status


def test_an_environment_that_says_nothing(patient):
    patient.environ = {"PATH": "/bin", "PGAPPNAME": "x", "PGSSLMODE": "verify-full"}
    assert environment.look(patient).status is Status.OK


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGHOST", "db"),
        ("PGSERVICE", "x"),
        ("PGPASSWORD", "hunter2"),
        ("PGSSLMODE", "disable"),
        ("PGSSLMODE", "require"),
        ("PGSSLCRL", "/x"),
        ("PGCHANNELBINDING", "require"),
        ("PGSSLCERTMODE", "disable"),
        ("NODE_EXTRA_CA_CERTS", "/x"),
        ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
        ("SSLKEYLOGFILE", "/x"),
    ],
)
def test_a_variable_that_misleads_is_named_and_its_value_is_not(patient, name, value):
    patient.environ = {name: value}
    found = environment.look(patient)
    assert (found.status, found.what) == (Status.WARN, f"set here: {name}")
    assert f"unset {name}" in found.hint
    assert "hunter2" not in str(found)


def test_several_are_told_at_once(patient):
    patient.environ = {"PGHOST": "db", "PGSSLMODE": "disable"}
    assert environment.look(patient).what == "set here: PGHOST, PGSSLMODE"
