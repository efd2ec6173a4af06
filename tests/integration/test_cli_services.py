"""`pgward apply | get | delete` at a real CA."""

import json
import time

import pytest
import yaml

pytestmark = pytest.mark.integration


def document(name: str, **spec: object) -> dict[str, object]:
    """Return a service as a person writes it."""
    basis = {"upstream": {"host": "db1.internal", "port": 5432}, "allow": {"groups": ["dba"]}}
    return {"kind": "Service", "metadata": {"name": name}, "spec": basis | spec}


def test_apply_creates_updates_and_leaves_alone(site, tmp_path):
    name, file = site.unique("db"), tmp_path / "services.yaml"
    file.write_text(yaml.safe_dump(document(name)))
    tried = site.admin.ok("apply", "-f", file, "--dry-run")
    assert tried.startswith(f"--- /dev/null\n+++ Service/{name}\n")
    assert tried.endswith(f"\nService {name} created (dry run)\n")
    assert site.admin.run("get", "service", name).returncode == 1
    assert site.admin.ok("apply", "-f", file) == f"Service {name} created\n"
    assert site.admin.ok("apply", "-f", file) == f"Service {name} unchanged\n"
    file.write_text(yaml.safe_dump(document(name, database="orders")))
    assert site.admin.data("apply", "-f", file) == [
        {"kind": "Service", "name": name, "change": "updated", "dry_run": False}
    ]


def test_what_get_prints_can_be_applied(site):
    name = site.service()
    text = site.admin.ok("get", "services", name, "-o", "yaml")
    assert site.admin.ok("apply", "-f", "-", stdin=text) == f"Service {name} unchanged\n"
    changed = text.replace("port: 5432", "port: 5433")
    assert site.admin.ok("apply", "-f", "-", stdin=changed) == f"Service {name} updated\n"
    everything = site.admin.ok("get", "services", "-o", "yaml")
    assert name in {each["metadata"]["name"] for each in yaml.safe_load_all(everything)}


def test_a_stale_copy_is_not_applied_over_a_newer_one(site):
    name = site.service()
    text = site.admin.ok("get", "services", name, "-o", "yaml")
    site.admin.ok("apply", "-f", "-", stdin=text.replace("port: 5432", "port: 5433"))
    done = site.admin.run("apply", "-f", "-", stdin=text.replace("port: 5432", "port: 5434"))
    assert done.returncode == 1
    assert done.stderr.startswith("pgward: stdin:3: metadata.name: Service ")
    assert "it has version 2, not 1" in done.stderr


@pytest.mark.soak
def test_get_as_table_and_json(site):
    name = site.service(groups=("dba",), users=("alice", "bob"))
    lines = site.admin.ok("get", "service", name).splitlines()
    assert lines[0].startswith("NAME ")
    assert f"{name}  tcp   db1.internal:5432  dba     alice, bob  all    -" in lines
    assert site.admin.data("get", "services", name)["metadata"]["name"] == name
    assert name in {each["metadata"]["name"] for each in site.admin.data("get", "services")}


def test_every_error_names_file_line_and_field_and_nothing_is_changed(site, tmp_path):
    good, bad = site.unique("db"), site.unique("db")
    file = tmp_path / "services.yaml"
    file.write_text(
        "# two services\n"
        "kind: Service\n"
        f"metadata: {{name: {good}}}\n"
        "spec: {upstream: {host: db1.internal}, allow: {groups: [dba]}}\n"
        "---\n"
        "kind: Service\n"
        "metadata:\n"
        f"  name: {bad}\n"
        "spec:\n"
        "  upstream:\n"
        "    port: 99999\n"
        "  sslMod: require\n"
        "  allow:\n"
        "    groups: [dba, 7]\n"
    )
    done = site.admin.run("apply", "-f", file)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert f"pgward: {file}:10: spec.upstream.host: is missing" in lines
    assert f"  {file}:11: spec.upstream.port: must be at most 65535" in lines
    assert f"  {file}:12: spec.sslMod: is not a field; did you mean sslMode?" in lines
    assert f"  {file}:14: spec.allow.groups[1]: must be a text" in lines
    assert lines[-1] == "hint: nothing was changed"
    assert site.admin.run("get", "service", good).returncode == 1


def test_errors_of_several_files_come_together(site, tmp_path):
    (tmp_path / "a.yaml").write_text("kind: Service\nkind: Service\n")
    (tmp_path / "b.yml").write_text("metadata: {name: x}\n")
    (tmp_path / "c.json").write_text(json.dumps(document("c")) + "]")
    (tmp_path / "readme.txt").write_text("not read")
    done = site.admin.run("apply", "-f", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"pgward: {tmp_path}/a.yaml:2: kind: is here twice, first on line 1" in done.stderr
    assert f"  {tmp_path}/b.yml:1: kind: is missing" in done.stderr
    assert f"  {tmp_path}/c.json:1: " in done.stderr


@pytest.mark.soak
def test_an_unknown_kind_is_named_with_its_line(site):
    done = site.admin.run("apply", "-f", "-", stdin="\nkind: Servis\nmetadata: {name: x}\n")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "pgward: stdin:2: kind: there is no kind 'Servis'; did you mean Service?\n"
    )
    done = site.admin.run("apply", "-f", "-", stdin="kind: Frog\nmetadata: {name: x}\n")
    assert "there is no kind 'Frog'; known are Service, " in done.stderr


def test_what_was_changed_and_deleted_is_told_and_brought_back(site, tmp_path):
    name, file = site.unique("db"), tmp_path / "service.yaml"
    file.write_text(yaml.safe_dump(document(name)))
    site.admin.ok("apply", "-f", file, "-m", "the shop opens")
    file.write_text(yaml.safe_dump(document(name, database="x")))
    assert "\n+  database: x\n" in site.admin.ok("apply", "-f", file, "--dry-run")
    site.admin.ok("apply", "-f", file)
    site.admin.ok("delete", "service", name, "-m", "moved")
    assert site.admin.ok("rollback", "service", name) == f"Service {name} created\n"
    told = site.admin.data("history", "service", name)
    assert [(each["change"], each["reason"], each["by"]) for each in told] == [
        ("created (as in 2)", "", "admin"),
        ("deleted", "moved", "admin"),
        ("updated", "", "admin"),
        ("created", "the shop opens", "admin"),
    ]
    assert site.admin.data("describe", "service", name)["versions"][0]["restored"] == 2
    exported = site.admin.ok("export", "services")
    assert site.admin.ok("apply", "-f", "-", "--dry-run", stdin=exported).count("unchanged") > 0
    assert site.admin.data("schema", "service")["title"] == "Service"


@pytest.mark.soak
def test_five_hundred_services_are_applied_in_one_go(site):
    names = [site.unique("many") for _ in range(500)]
    text = "---\n".join(yaml.safe_dump(document(name)) for name in names)
    began = time.monotonic()
    done = site.admin.ok("apply", "-f", "-", stdin=text)
    took = time.monotonic() - began
    assert done.count(" created\n") == 500
    assert took < 20
    assert site.admin.ok("delete", "service", *names).count(" deleted\n") == 500


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["apply"], "no file is named"),
        (["apply", "-f", "/no/such/file"], "cannot read /no/such/file: no such file or directory"),
        (["apply", "-f", "-"], "stdin: there is no resource in it"),
        (["delete"], "name resources or files"),
        (["delete", "service"], "name resources or files"),
        (["delete", "service", "x", "-f", "y"], "name resources or files"),
        (["get", "frogs"], "there is no kind 'frogs'"),
        (["get", "service", "no-such"], "there is no Service 'no-such'"),
        (["delete", "service", "no-such"], "there is no Service 'no-such'"),
    ],
)
def test_what_an_administrator_gets_wrong(site, arguments, message):
    done = site.admin.run(*arguments)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(f"pgward: {message}")


def test_delete_by_name_and_by_file(site, tmp_path):
    one, two, three = site.service(), site.service(), site.service()
    done = site.admin.run("delete", "service", one, two)
    assert done.stdout == f"service {one} deleted\nservice {two} deleted\n"
    file = tmp_path / "services.yaml"
    file.write_text(yaml.safe_dump(document(three)))
    assert site.admin.ok("delete", "-f", file) == f"Service {three} deleted\n"
    assert site.admin.run("delete", "-f", file).returncode == 1


def test_other_people_may_not_apply(site):
    done = site.person().run("apply", "-f", "-", stdin=yaml.safe_dump(document("x")))
    assert done.returncode == 3
    assert "only an administrator may do this" in done.stderr
