"""The example for Patroni is what ``hba generate`` writes, in Patroni's own form."""

from pathlib import Path

import yaml

from pgward.hba.plan.generate import fragments, settings
from pgward.hba.plan.model import Auth, Plan, TlsFiles
from pgward.hba.syntax import tokens

EXAMPLE = Path(__file__).parents[4] / "examples" / "patroni" / "patroni.yml"
VERSION = 16


def words(text: str) -> list[tuple]:
    return [line.fields for line in tokens.parse(text.encode()) if line.fields]


def test_the_example_is_what_is_generated() -> None:
    document = yaml.safe_load(EXAMPLE.read_text())["postgresql"]
    names = ("server.crt", "server.key", "user-ca.crt", "user-ca.crl")
    tls = TlsFiles(*(f"/etc/patroni/tls/current/{name}" for name in names))
    plan = Plan(tls=tls, auth=Auth.CERT_OR_SCRAM, password_roles=("rewinder",))
    made = fragments(plan, VERSION)
    assert document["parameters"] == settings(plan, VERSION)
    # Patroni's own lines come first.
    assert words("\n".join(document["pg_hba"]))[3:] == words(made.hba)
    assert words("\n".join(document["pg_ident"])) == words(made.ident)
