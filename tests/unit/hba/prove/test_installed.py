from dataclasses import replace

import pytest

from pgward.hba.plan import block
from pgward.hba.plan.generate import fragments
from pgward.hba.plan.model import Auth, Plan
from pgward.hba.prove.installed import Blocks, Installed, installed
from pgward.hba.roles import section
from pgward.hba.syntax.versions import Abilities
from tests.fixtures.golden_hba import PLANS, VERSIONS

MORE = {
    "no superuser refused": Plan(superusers=()),
    "from two networks": Plan(addresses=("10.0.0.0/8", "samenet"), replication_roles=("s",)),
    "shared": Plan(auth=Auth.SCRAM_AND_ANY_CERT, roles=("shared",), replication_roles=("s",)),
    "connector": Plan(cert_roles=("pgward_connector",), map_from_ca=True),
    "connector beside passwords": Plan(
        auth=Auth.CERT_OR_SCRAM, password_roles=("app",), cert_roles=("Odd one", "c2")
    ),
    "mixed": Plan(
        auth=Auth.CERT_OR_SCRAM,
        password_roles=("app", "+apps"),
        replication_roles=("standby",),
        strip_domain="a.b-c.example",
        mapped=(("ann@x", "Ann B"),),
    ),
}


def blocks(plan: Plan, version: int) -> Blocks:
    made = fragments(plan, version)
    return Blocks.of(
        block.at_end(b"port = 5433\r\n", made.postgresql, "postgresql.conf"),
        block.at_start(b"local all all trust\n", made.hba, "pg_hba.conf"),
        block.at_start(b"", made.ident, "pg_ident.conf"),
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [*PLANS, *MORE])
def test_what_was_written_is_read_back(name, version) -> None:
    plan = (PLANS | MORE)[name]
    found = installed(blocks(plan, version), Abilities.of(version))
    assert found.problem is None
    again, wanted = fragments(found.plan, version), fragments(plan, version)
    assert again == wanted
    assert found.plan.strip_domain == plan.strip_domain


def test_pairs_of_a_role_map_belong_to_the_plan() -> None:
    made = fragments(Plan(map_from_ca=True, mapped=(("eve", "app"),)), 16)
    ident = section.put(made_ident(made), [("ann@x", "app_owner")], "pgward", "pg_ident.conf")
    parts = blocks(Plan(map_from_ca=True, mapped=(("eve", "app"),)), 16)
    whole = replace(parts, rest=ident)
    found = installed(whole, Abilities.of(16))
    assert (found.plan.map_from_ca, found.pairs) == (True, {("ann@x", "app_owner")})
    changed = replace(parts, rest=ident.replace(b"ann@x", b"eve@x"))
    assert "pgward hba roles" in installed(changed, Abilities.of(16)).problem
    assert installed(parts, Abilities.of(16)).pairs == frozenset()


def made_ident(made) -> bytes:
    return block.at_start(b"", made.ident, "pg_ident.conf")


def test_a_line_in_our_own_words_is_an_edit_too() -> None:
    made = fragments(Plan(mapped=(("ann", "app"),)), 16)
    ident = made_ident(made).replace(b"pgward  ann  app\n", b"pgward  ann  app\npgward  eve  app\n")
    assert b"eve" in ident
    parts = Blocks.of(
        block.at_end(b"", made.postgresql, "c"), block.at_start(b"", made.hba, "h"), ident
    )
    found = installed(parts, Abilities.of(16))
    assert found.problem == "pgward's block in pg_ident.conf was changed by hand"


def test_nothing_is_installed() -> None:
    nothing = Blocks.of(b"port = 1\n", b"local all all trust\n", b"")
    assert installed(nothing, Abilities.of(16)) == Installed()


CHANGES = {
    "clientcert": (Auth.SCRAM_AND_CERT, "hba", " clientcert=verify-full", ""),
    "method": (Auth.CERT, "hba", "cert map=pgward", "trust"),
    "kind": (Auth.CERT, "hba", "hostssl    all", "host       all"),
    "refusal": (Auth.CERT, "hba", "hostnossl  all  all  all  reject\n", ""),
    "all": (Auth.CERT, "hba", "  all  all  all", ""),
    "nothing left": (Auth.CERT, "hba", "hostssl    all  all  all  cert map=pgward\n", ""),
    "map": (Auth.CERT, "ident", "/^(", "/("),
    "list": (Auth.CERT, "conf", "ssl_crl_file", "#ssl_crl_file"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_block_that_was_changed_is_no_plan(name) -> None:
    auth, part, old, new = CHANGES[name]
    made = blocks(Plan(auth=auth), 16)
    parts = {each: getattr(made, each) for each in ("conf", "hba", "ident")}
    assert old in parts[part]
    found = installed(Blocks(**parts | {part: parts[part].replace(old, new)}), Abilities.of(16))
    assert found.plan is None
    assert "was changed by hand" in found.problem


def test_a_block_that_is_gone() -> None:
    made = blocks(Plan(), 16)
    found = installed(Blocks(made.conf, None, made.ident), Abilities.of(16))
    assert found == Installed(problem="there is no block of pgward in pg_hba.conf")
