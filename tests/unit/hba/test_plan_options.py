import click
import pytest
from click.testing import CliRunner

from pgward.core.errors import InvalidInputError
from pgward.hba.plan.model import Auth, Plan, TlsFiles
from pgward.hba.plan_options import plan_options


def plan_of(*arguments: str) -> Plan:
    made: list[Plan] = []

    @click.command()
    @plan_options
    def command(make_plan) -> None:
        made.append(make_plan(TlsFiles()))

    result = CliRunner().invoke(command, arguments)
    if result.exception is not None:
        raise result.exception
    return made[0]


def test_without_options() -> None:
    assert plan_of() == Plan()


def test_all_options() -> None:
    assert plan_of(
        *("--auth", "cert-or-scram", "--database", "a", "--database", "b", "--role", "+dba"),
        *("--address", "10.0.0.1", "--password-role", "app", "--replication-role", "standby"),
        *("--superuser", "root", "--map", "people", "--map-to", "alice=app_owner"),
        *("--strip-domain", "example.com", "--cert-role", "pgward_connector"),
    ) == Plan(
        auth=Auth.CERT_OR_SCRAM,
        databases=("a", "b"),
        roles=("+dba",),
        addresses=("10.0.0.1/32",),
        password_roles=("app",),
        cert_roles=("pgward_connector",),
        replication_roles=("standby",),
        superusers=("root",),
        map_name="people",
        mapped=(("alice", "app_owner"),),
        strip_domain="example.com",
    )


def test_superusers_allowed() -> None:
    assert plan_of("--allow-superusers").rejected_superusers == ()


@pytest.mark.parametrize("text", ["alice", "=x", "alice="])
def test_what_is_no_pair(text) -> None:
    with pytest.raises(InvalidInputError, match="is not PERSON=ROLE"):
        plan_of("--map-to", text)


def test_an_unknown_method() -> None:
    with pytest.raises(SystemExit):
        plan_of("--auth", "trust")
