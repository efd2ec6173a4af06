import json

import pytest

from pgward.client import manifest
from pgward.client.resource import exporting
from pgward.core.errors import InvalidInputError


@pytest.fixture
def stored(fake_ca):
    """Two services and a policy."""

    def resource(kind, name):
        metadata = {"name": name, "description": "it's", "version": 4, "updatedBy": "ann"}
        return {"kind": kind, "metadata": metadata, "spec": {"note": "no"}}

    fake_ca.routes |= {
        "GET /v1/schemas": {"kinds": ["Service", "Policy"]},
        "GET /v1/resources/Service": {"resources": [resource("Service", n) for n in "ab"]},
        "GET /v1/resources/Policy": {"resources": [resource("Policy", "p")]},
        "GET /v1/schemas/service": {"schema": {"title": "Service"}},
    }
    return fake_ca


OWN = {"name": "a", "description": "it's"}


def test_all_is_exported_as_it_can_be_applied_again(logged_in, stored):
    done = logged_in("export")
    documents = manifest.read_text(done.stdout, "stdout")
    assert [(each.kind, each.name) for each in documents] == [
        ("Service", "a"),
        ("Service", "b"),
        ("Policy", "p"),
    ]
    assert documents[0].value == {"kind": "Service", "metadata": OWN, "spec": {"note": "no"}}
    assert (done.stderr, len(stored.calls)) == ("", 3)


def test_some_kinds_are_exported_alone(logged_in, stored):
    done = logged_in("export", "Policy", "Policy")
    assert done.stdout.count("kind:") == 1
    assert stored.calls == ["GET /v1/resources/Policy"]


@pytest.mark.usefixtures("stored")
def test_a_directory_gets_a_file_each_which_apply_reads(logged_in, tmp_path):
    where = tmp_path / "new" / "all"
    done = logged_in("export", "-d", where)
    assert (done.stdout, done.stderr) == ("", f"3 resources in {where}\n")
    names = ["policy-p.yaml", "service-a.yaml", "service-b.yaml"]
    assert sorted(each.name for each in where.iterdir()) == names
    assert [each.name for each in manifest.read_path(where)] == ["p", "a", "b"]
    before = (where / names[0]).stat()
    (where / "service-gone.yaml").write_text("kind: Service\n")
    again = logged_in("export", "-d", where)
    assert f"{where}/service-gone.yaml is of no resource that was exported\n" in again.stderr
    assert (where / names[0]).stat().st_ino == before.st_ino  # what is right already is left alone
    told = json.loads(logged_in("export", "-d", where, "-o", "json").stdout)
    assert (told["directory"], told["resources"]) == (str(where), 3)


@pytest.mark.parametrize("name", ["../x", "a/b", "a\nb"])
def test_no_name_leads_out_of_the_directory(name):
    with pytest.raises(InvalidInputError, match="cannot be a file's name"):
        exporting.file_name({"kind": "Service", "metadata": {"name": name}})


@pytest.mark.usefixtures("stored")
def test_a_schema_is_printed_as_json(logged_in):
    assert json.loads(logged_in("schema", "service").stdout) == {"title": "Service"}
    assert logged_in("schema", "service", "-o", "yaml").stdout == "title: Service\n"


@pytest.mark.usefixtures("stored")
def test_without_a_kind_the_kinds_are_listed(logged_in):
    assert logged_in("schema").stdout == "KIND\nService\nPolicy\n"
