import json

import pytest

from tests.fixtures.commands import body
from tests.fixtures.fake_ca import error

TWO = "kind: Service\nmetadata: {name: a}\n---\nkind: Service\nmetadata: {name: b}\n"
ONE = TWO.partition("---")[0]


def made(resource, change="created", before=None, **more):
    return {"change": change, "resource": resource, "before": before, "notes": [], **more}


def applied(sent):
    gone = [
        {"change": "deleted", "resource": None, "before": {**each, "metadata": each}, "notes": []}
        for each in sent.get("delete", ())
    ]
    return {"changes": [made(each) for each in sent["resources"]] + gone}


@pytest.fixture
def resources(fake_ca):
    """Every resource that is applied is new."""
    fake_ca.routes["POST /v1/resources"] = applied
    return fake_ca


def wrong(code, *fields):
    found = [{"path": path, "message": message} for path, message in fields]
    return error(code, "wrong", fields=found)


def test_all_are_applied_in_one_request(logged_in, resources):
    result = logged_in("apply", "-f", "-", stdin=TWO)
    assert result.stdout == "Service a created\nService b created\n"
    assert resources.calls == ["POST /v1/resources"]
    documents = [{"kind": "Service", "metadata": {"name": name}} for name in "ab"]
    assert body(resources) == {"resources": documents}


def test_what_else_is_meant_goes_along(logged_in, resources):
    resources.routes["POST /v1/resources"] = lambda sent: {
        "changes": [made(each, notes=["look out"]) for each in sent["resources"]]
    }
    done = logged_in(
        *("apply", "-f", "-", "--untried", "--allow-lockout", "-m", "TICKET-7"), stdin=ONE
    )
    assert (done.stdout, done.stderr) == ("Service a created\n", "look out\n")
    assert {key: value for key, value in body(resources).items() if key != "resources"} == {
        "untried": True,
        "allow_lockout": True,
        "reason": "TICKET-7",
    }


def test_a_dry_run_shows_the_differences(logged_in, resources):
    before = {
        "kind": "Service",
        "metadata": {"name": "a", "version": 3, "updatedBy": "ann"},
        "spec": {"database": "x", "mode": "tcp"},
    }
    after = before | {"spec": {"mode": "tcp", "database": "y"}}
    resources.routes["POST /v1/resources"] = {
        "changes": [made(after, "updated", before), made(before, "unchanged", before)]
    }
    result = logged_in("apply", "-f", "-", "--dry-run", stdin=TWO)
    assert result.stdout == (
        "--- Service/a\n+++ Service/a\n@@ -3,4 +3,4 @@\n   name: a\n spec:\n   mode: tcp\n"
        "-  database: x\n+  database: y\n"
        "Service a updated (dry run)\nService a unchanged (dry run)\n"
    )
    assert body(resources)["dry_run"] is True
    told = json.loads(logged_in("apply", "-f", "-", "--dry-run", "-o", "json", stdin=TWO).stdout)
    assert [(each["change"], len(each["diff"])) for each in told] == [
        ("updated", 8),
        ("unchanged", 0),
    ]


def test_fields_become_lines_of_all_documents(logged_in, resources):
    resources.routes["POST /v1/resources"] = wrong(
        "invalid",
        ("resources[1].spec.upstream", "is missing"),
        ("resources[0].spec.upstream", "is missing"),
    )
    result = logged_in("apply", "-f", "-", stdin=TWO)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "pgward: stdin:1: spec.upstream: is missing\n"
        "  stdin:4: spec.upstream: is missing\n"
        "hint: nothing was changed\n"
    )


def test_a_conflict_alone_is_no_wrong_input(logged_in, resources):
    late = ("resources[1].metadata.name", "it has version 2, not 1")
    resources.routes["POST /v1/resources"] = wrong("conflict", late)
    result = logged_in("apply", "-f", "-", stdin=TWO)
    assert result.exit_code == 1
    assert result.stderr.startswith("pgward: stdin:5: metadata.name: it has version 2, not 1\n")


def test_who_may_not_is_told_at_once(logged_in, resources):
    resources.routes["POST /v1/resources"] = error("denied", "only an administrator")
    result = logged_in("apply", "-f", "-", stdin=TWO)
    assert (result.exit_code, len(resources.requests)) == (3, 1)


def test_the_same_resource_in_two_files_is_refused(logged_in, resources, tmp_path):
    for name in ("x.yaml", "y.yaml"):
        (tmp_path / name).write_text("kind: Service\nmetadata: {name: a}\n")
    result = logged_in("apply", "-f", tmp_path)
    assert result.exit_code == 2
    assert f"'a' is in {tmp_path}/x.yaml:1 already" in result.stderr
    assert resources.requests == []


@pytest.fixture
def stored(resources):
    """Two services, of which the files name the first."""
    found = [
        {"kind": "Service", "metadata": {"name": name, "version": number}, "spec": {}}
        for number, name in ((2, "a"), (7, "z"))
    ]
    resources.routes["GET /v1/resources/services"] = {"resources": found}
    return resources


def test_prune_deletes_what_no_file_names_as_it_was_seen(logged_in, stored):
    done = logged_in("apply", "-f", "-", "--prune", "services", "--yes", stdin=ONE)
    assert done.stdout == "Service a created\nService z deleted\n"
    assert done.stderr == "no file names Service z\n"
    assert body(stored)["delete"] == [{"kind": "Service", "name": "z", "version": 7}]


def test_prune_asks_before_it_deletes(logged_in, stored):
    refused = logged_in("apply", "-f", "-", "--prune", "services", stdin=ONE)
    assert refused.exit_code == 2
    assert "nobody said that these are to be deleted" in refused.stderr
    assert stored.calls == ["GET /v1/resources/services"]


@pytest.mark.usefixtures("stored")
def test_prune_shows_in_a_dry_run_what_would_go(logged_in):
    done = logged_in("apply", "-f", "-", "--prune", "services", "--dry-run", stdin=ONE)
    assert done.stdout.endswith("Service z deleted (dry run)\n")
    assert "+++ /dev/null" in done.stdout


def test_get_as_yaml_is_one_document_each(logged_in, fake_ca):
    found = [{"kind": "Service", "metadata": {"name": n}, "spec": {}} for n in "ab"]
    fake_ca.routes["GET /v1/resources/services"] = {"resources": found}
    assert logged_in("get", "services", "-o", "yaml").stdout == (
        "kind: Service\nmetadata:\n  name: a\nspec: {}\n"
        "---\n"
        "kind: Service\nmetadata:\n  name: b\nspec: {}\n"
    )
    assert json.loads(logged_in("get", "services", "-o", "json").stdout) == found


def test_delete_what_files_name_goes_together(logged_in, resources):
    result = logged_in("delete", "-f", "-", "-m", "moved", stdin=TWO)
    assert result.stdout == "Service a deleted\nService b deleted\n"
    gone = [{"kind": "Service", "name": name} for name in "ab"]
    assert body(resources) == {"resources": [], "delete": gone, "reason": "moved"}


def test_when_one_cannot_be_deleted_it_is_named(logged_in, resources):
    fault = ("delete[1].metadata.name", "there is no Service 'b'")
    resources.routes["POST /v1/resources"] = wrong("invalid", fault)
    result = logged_in("delete", "-f", "-", stdin=TWO)
    assert result.stderr == (
        "pgward: Service b: there is no Service 'b'\nhint: nothing was changed\n"
    )


def test_delete_one_says_why(logged_in, fake_ca):
    fake_ca.routes["DELETE /v1/resources/service/a"] = {"change": "deleted"}
    result = logged_in("delete", "service", "a", "-m", "moved")
    assert result.stdout == "service a deleted\n"
    assert fake_ca.requests[-1].url.query == b"reason=moved"
