"""A company's directory, from its description in YAML to a certificate, by commands."""

import pytest
import yaml

from tests.fixtures.slapd import ALICE_PASSWORD, SERVICE_PASSWORD

pytestmark = pytest.mark.integration


def test_people_log_in_with_the_passwords_of_their_directory(site, slapd, tmp_path):
    provider = site.unique("corp")
    spec = slapd.spec(createUsers=True, groupMap={"dba": "data"}, servers=[slapd.starttls])
    document = {"kind": "IdentityProvider", "metadata": {"name": provider}, "spec": spec}
    (tmp_path / "corp.yaml").write_text(yaml.safe_dump(document))
    site.admin.ok("apply", "-f", tmp_path / "corp.yaml")
    broken = site.admin.run("idp", "test", provider)
    assert "is not stored" in broken.stdout + broken.stderr
    site.admin.ok("idp", "secret", provider, "--client-secret-stdin", stdin=SERVICE_PASSWORD)
    assert "answers" in site.admin.ok("idp", "test", provider)

    person = site.person(logged_in=False)
    logging_in = ("login", "--method", "ldap", "--provider", provider, "--password-stdin")
    who = ("--user", "ALICE", "--ca", site.ca.url, "--fingerprint", site.ca.fingerprint)
    wrong = person.run(*logging_in, *who, stdin="wrong\n")
    assert (wrong.returncode, "wrong user name or password" in wrong.stderr) == (3, True)
    done = person.run(*logging_in, *who, stdin=ALICE_PASSWORD + "\n")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("logged in as alice (data) at ")
    events = site.admin.ok("audit", "-o", "json")
    assert "uid=alice,ou=people,dc=example,dc=com" in events
    assert ALICE_PASSWORD not in events
    assert SERVICE_PASSWORD not in events
