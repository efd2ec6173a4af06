import json
import os
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from pgward.core.errors import InvalidInputError
from pgward.hba import file_options
from pgward.hba.check import describing
from pgward.hba.check.catalogue import RULES
from pgward.hba.check.live import Live
from pgward.hba.check.rule import Example
from pgward.hba.check_commands import check_files
from pgward.hba.server.files import of_names
from pgward.hba.syntax import cockroach, cockroach_maps
from pgward.hba.syntax.versions import Abilities, Dialect
from pgward.system.postgres import Cluster
from tests.fixtures.material import SmallCa

HBA = (
    "host all all 10.0.0.0/8 scram-sha-256\n"
    "hostssl all all all cert\n"
    "hostssl all all all cert # pgward-ignore HBA011: to show it\n"
)
IDS = ("--only", "HBA010", "--only", "HBA011", "--only", "HBA091")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pg_hba.conf").write_text(HBA)

    def run(*words: str) -> Result:
        files = ["--hba-file", "pg_hba.conf", "--pg-version", "16"]
        result = CliRunner().invoke(check_files, [*files, *words])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def test_as_text(run) -> None:
    result = run(*IDS)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        (
            "pg_hba.conf:1: error HBA010: lets people in by scram-sha-256 whom line pg_hba.conf:2 "
            "would ask for a certificate"
        ),
        "1 error, 0 warnings, 0 notes, 1 ignored",
    ]


def test_with_its_reason(run) -> None:
    assert run(*IDS, "--why").output.splitlines()[1].startswith("    The first line that")


def test_as_a_document(run) -> None:
    for words in (("--format", "json"), ("-o", "json")):
        found = json.loads(run(*IDS, *words).output)
        assert (found["failed"], found["pg_version"]) == (True, 16)
        assert [each["ignored"] for each in found["findings"]] == [None, "to show it"]
    assert run(*IDS, "-o", "yaml").output.startswith("pg_version: 16\ndialect: postgresql\n")


def test_as_sarif_and_junit(run) -> None:
    (made,) = json.loads(run(*IDS, "--format", "sarif", "-o", "json").output)["runs"]
    location = made["results"][0]["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "pg_hba.conf"
    suite = ET.fromstring(run(*IDS, "--format", "junit").output.encode())
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ((), 1),
        (("--skip", "HBA010"), 0),
        (("--fail-on", "never"), 0),
        (("--fail-on", "note"), 1),
    ],
)
def test_the_status(run, words, status) -> None:
    assert run(*IDS, *words).exit_code == status


def test_a_rule_that_is_not_reported_still_counts_for_comments(run) -> None:
    assert run("--only", "HBA091").output == "0 errors, 0 warnings, 0 notes, 0 ignored\n"


def test_settings_and_what_is_refused(run, tmp_path) -> None:
    (tmp_path / "conf").write_text("ssl = off\nssl = on on\n")
    lines = run("--conf-file", "conf", "--only", "HBA003", "--only", "HBA012").output.splitlines()
    assert [line.split(": ")[:2] for line in lines[:-1]] == [
        ["conf:2:10", "error HBA003"],
        ["pg_hba.conf:2", "error HBA012"],
        ["pg_hba.conf:3", "error HBA012"],
    ]


def test_maps_are_looked_for_only_where_they_may_be(run, tmp_path) -> None:
    only = ("--only", "HBA024", "--only", "HBA091")
    line = "hostssl all all all cert map=people"
    (tmp_path / "pg_hba.conf").write_text(line + " # pgward-ignore HBA024: to come\n")
    assert run(*only).output.startswith("0 errors, 0 warnings, 0 notes, 0 ignored")
    (tmp_path / "pg_hba.conf").write_text(line)
    (tmp_path / "ident").write_text("others ann ann\n")
    assert run(*only).exit_code == 0
    assert run(*only, "--ident-file", "ident").output.startswith("pg_hba.conf:1: error HBA024: ")


def test_a_rule_is_explained_and_all_are_listed(run) -> None:
    result = run("--explain", "HBA003")
    assert (result.exit_code, result.output.splitlines()[0]) == (
        0,
        "HBA003 refused-setting (error)",
    )
    assert json.loads(run("--explain", "HBA003", "-o", "json").output)["id"] == "HBA003"
    assert len(run("--list-rules").output.splitlines()) == len(RULES) + 1
    assert len(json.loads(run("--list-rules", *IDS, "-o", "json").output)) == 3


OPTIONS = {
    "pg_hba.conf": "--hba-file",
    cockroach.SETTING: "--hba-file",
    "--ysql_hba_conf_csv": "--hba-file",
    "pg_ident.conf": "--ident-file",
    cockroach_maps.SETTING: "--ident-file",
    "--ysql_ident_conf_csv": "--ident-file",
    "postgresql.conf": "--conf-file",
}
OF_FILES = [each for each in RULES if each.bad.material is None and each.bad.live is None]


def server_of(example: Example) -> list[str]:
    """Return the options that say whose server reads an example."""
    words = ["--dialect", example.dialect.value]
    if example.dialect is not Dialect.COCKROACHDB:
        words += ["--pg-version", str(example.version)]
    if example.flags is not None:
        words.append("--csv")
    return words


@pytest.mark.parametrize("rule", OF_FILES, ids=lambda rule: rule.id)
def test_an_example_shows_itself(rule, tmp_path) -> None:
    """The command finds it in the files of the bad one, as they are printed."""
    for example, expected in ((rule.bad, True), (rule.good, False)):
        shown = describing.files(example)
        files = {name: text for name, text in shown.items() if name in OPTIONS}
        switches = [name.replace("_", "-") for name in shown if name not in OPTIONS]
        if "--hba-file" not in {OPTIONS[name] for name in files}:
            files["pg_hba.conf"] = example.hba
        words = [*server_of(example), *switches, "--only", rule.id, "--format", "json"]
        for name, text in files.items():
            path = tmp_path / name.lstrip("-")
            path.write_text(f"{text}\n")
            words += [OPTIONS[name], str(path)]
        found = CliRunner().invoke(check_files, words)
        assert bool(json.loads(found.stdout)["findings"]) == expected


@pytest.mark.parametrize("option", ["--only", "--skip", "--explain"])
def test_an_unknown_rule(run, option) -> None:
    with pytest.raises(InvalidInputError, match="there is no rule 'HBA000'"):
        run(option, "HBA000")


def test_superusers_that_no_file_names(run, tmp_path) -> None:
    (tmp_path / "pg_hba.conf").write_text("host all root,dba 10.0.0.0/8 scram-sha-256\n")
    only = ("--only", "HBA028")
    assert run(*only).exit_code == 0
    said = run(*only, "--superuser", "dba", "--superuser", "root").output
    assert "lets superusers dba and root into" in said


def test_tls_files_beside_a_configuration(run, tmp_path) -> None:
    only = ("--only", "HBA060", "--conf-file", "conf")
    (tmp_path / "conf").write_text("ssl = on\nssl_ca_file = 'ca.crt'\n")
    assert run(*only).output.startswith("0 errors")
    lines = run(*only, "--tls-dir", ".").output.splitlines()
    assert lines[0] == f"conf:2:1: error HBA060: ssl_ca_file: there is no {tmp_path}/ca.crt"
    assert lines[-1].startswith("3 errors")


def test_tls_files_belong_to_a_configuration(run) -> None:
    with pytest.raises(InvalidInputError, match="--tls-dir goes with --hba-file and --conf-file"):
        run("--tls-dir", ".")


TWICE = "hostssl all all all cert\n# kept\nhostssl all all all cert\n"


def test_what_a_fix_would_change(run, tmp_path) -> None:
    (tmp_path / "pg_hba.conf").write_text(TWICE)
    result = run("--only", "HBA011", "--diff")
    assert result.stdout.splitlines()[:3] == [
        "--- pg_hba.conf",
        "+++ pg_hba.conf",
        "@@ -1,3 +1,2 @@",
    ]
    assert result.stderr == "1 of 1 findings have a fix; nothing was changed\n"
    assert (tmp_path / "pg_hba.conf").read_text() == TWICE
    assert run("--only", "HBA012", "--diff").stdout == ""
    found = json.loads(run("--only", "HBA011", "--diff", "-o", "json").stdout)
    assert (found["files"], found["modes"]) == (["pg_hba.conf"], [])
    assert found["diff"].endswith("-hostssl all all all cert\n")


def test_a_fix_is_carried_out_and_the_rest_reported(run, tmp_path) -> None:
    (tmp_path / "pg_hba.conf").write_text(TWICE)
    said = "1 of them can be mended: --diff shows how, --fix does it"
    assert run("--only", "HBA011").output.splitlines()[-1] == said
    result = run("--only", "HBA011", "--fix")
    assert result.stdout == "0 errors, 0 warnings, 0 notes, 0 ignored\n"
    assert "the server was not reloaded" in result.stderr
    assert (tmp_path / "pg_hba.conf").read_text() == "hostssl all all all cert\n# kept\n"
    assert "nothing was changed" in run("--only", "HBA011", "--fix").stderr


def test_fixes_for_programs(run, tmp_path) -> None:
    (tmp_path / "pg_hba.conf").write_text(TWICE)
    (found,) = json.loads(run("--only", "HBA011", "-o", "json").output)["findings"]
    assert found["fix"] == {"file": "pg_hba.conf", "start": 32, "end": 57, "text": ""}
    (made,) = json.loads(run("--only", "HBA011", "--format", "sarif").output)["runs"]
    (fix,) = made["results"][0]["fixes"]
    (change,) = fix["artifactChanges"]
    assert change["artifactLocation"] == {"uri": "pg_hba.conf"}
    region = {"startLine": 3, "startColumn": 1, "endLine": 4, "endColumn": 1}
    assert change["replacements"] == [{"deletedRegion": region, "insertedContent": {"text": ""}}]


def test_what_is_ignored_is_not_mended(run, tmp_path) -> None:
    text = "hostssl all all all cert\nhostssl all all all cert # pgward-ignore HBA011: so\n"
    (tmp_path / "pg_hba.conf").write_text(text)
    run("--fix", "--fail-on", "never")
    assert (tmp_path / "pg_hba.conf").read_text() == text


@pytest.mark.parametrize("other", [("--fix",), ("--format", "json")])
def test_a_diff_is_no_report(run, other) -> None:
    with pytest.raises(InvalidInputError, match="--diff goes with neither"):
        run("--diff", *other)


def test_a_server_that_is_only_asked_is_not_mended(monkeypatch, tmp_path) -> None:
    (tmp_path / "hba").write_text("local all all peer\n")
    found = replace(of_names(tmp_path / "hba", Abilities(16)), live=Live())
    monkeypatch.setattr(file_options, "read_server", lambda _: found)
    result = CliRunner().invoke(check_files, ["--dsn", "host=h", "--fix"])
    assert "--fix changes files of this machine only" in str(result.exception)


def test_a_data_directory_is_mended_as_its_owner(pg_files: Cluster, small_ca: SmallCa) -> None:
    data, made = pg_files.data_dir, small_ca.current()
    owner = data.stat()
    texts = {
        "server.crt": made.certificate,
        "server.key": made.key,
        "ca.crt": made.user_ca,
        "ca.crl": made.crls,
        "pg_hba.conf": TWICE.encode(),
        "postgresql.conf": b"ssl = on\nssl_ca_file = 'ca.crt'\nssl_crl_file = 'ca.crl'\n",
    }
    for name, text in texts.items():
        (data / name).write_bytes(text)
        os.chown(data / name, owner.st_uid, owner.st_gid)
        (data / name).chmod(0o644)
    words = ["--data-dir", str(data), "--skip", "HBA029"]
    result = CliRunner().invoke(check_files, words)
    found = re.findall(r"(HBA\d+): ", result.stdout)
    assert (sorted(found), result.exit_code) == (["HBA011", "HBA050", "HBA061"], 1)
    result = CliRunner().invoke(check_files, [*words, "--fix"])
    assert (result.stdout, result.exit_code) == ("0 errors, 0 warnings, 0 notes, 0 ignored\n", 0)
    assert (data / "server.key").stat().st_mode & 0o777 == 0o600
    assert (data / "postgresql.conf").read_text().endswith("\nlog_connections = on\n")
    assert {each.stat().st_uid for each in data.iterdir()} == {owner.st_uid}
    assert len(list(data.glob("*.mended-*"))) == 2


def test_files_of_another_dialect(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "setting").write_text("host all all 10.0.0.0/8 cert-password map=m x=y\n")
    words = ("--dialect", "cockroachdb", "--hba-file", "setting", "--format", "json")

    def look(*more: str) -> Result:
        result = CliRunner().invoke(check_files, [*words, *more])
        if isinstance(result.exception, InvalidInputError):
            raise result.exception
        return result

    found = json.loads(look().output)
    assert (found["dialect"], found["pg_version"]) == ("cockroachdb", None)
    assert [(each["rule"], each["column"]) for each in found["findings"]] == [
        ("HBA102", 45),
        ("HBA100", None),
    ]
    for change in ("--fix", "--diff"):
        with pytest.raises(
            InvalidInputError, match="are for PostgreSQL's files, not for Cockroach"
        ):
            CliRunner().invoke(check_files, [*words[:4], change], catch_exceptions=False)
