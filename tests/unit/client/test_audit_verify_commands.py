import json

import pytest
import zstandard

from pgward.client.audit_memory import FILE
from tests.fixtures.chunks import CHAIN, record
from tests.fixtures.fake_archive import root_pem


@pytest.fixture
def roots(fake_archive, tmp_path):
    path = tmp_path / "roots.pem"
    path.write_text(root_pem(fake_archive))
    return "--ca-cert", path


@pytest.fixture
def exported(logged_in, roots, tmp_path):
    assert roots
    assert logged_in("audit", "export", tmp_path / "x").exit_code == 0
    return tmp_path / "x"


def test_what_is_whole_is_verified(logged_in, roots):
    result = logged_in("audit", "verify", *roots)
    assert result.exit_code == 0, result.stderr
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["EDGE", "CHAIN", "FROM", "TO", "LINES", "MISSING", "RESULT"],
        ["e1", CHAIN, "1", "5", "5", "0", "ok"],
        ["e2", "ff" * 8, "1", "1", "1", "0", "ok"],
    ]
    assert result.stderr == "verified: 6 lines in 2 chains\n"


def test_one_edge(logged_in, roots):
    result = logged_in("audit", "verify", "--edge", "e2", *roots)
    assert result.stderr == "verified: 1 line in 1 chain\n"


def test_one_changed_byte(logged_in, fake_archive, roots):
    data = fake_archive.chunks[1]
    data.lines[1] = data.lines[1].replace(b"select 4", b"select 5")
    data.data = zstandard.compress(b"\n".join([*data.lines, b""]))
    result = logged_in("audit", "verify", *roots)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        f"e1 {CHAIN}: one of lines 3 to 5 was changed, or they do not follow the one before",
        "pgward: 1 problem in what is on record",
        "hint: keep what is there as it is, and find out who changed it",
    ]


def test_problems_as_json(logged_in, fake_archive, roots):
    del fake_archive.chunks[1]
    result = logged_in("audit", "verify", "-o", "json", *roots)
    (first, _) = json.loads(result.stdout)
    assert first["problems"] == [
        {"edge": "e1", "chain": CHAIN, "seq": 3, "problem": "lines 3 to 5 are missing"}
    ]


def test_a_chunk_that_the_ca_cannot_read(logged_in, fake_archive, roots):
    fake_archive.lose(fake_archive.chunks[0])
    result = logged_in("audit", "verify", *roots)
    assert f"e1 {CHAIN}: an object of the archive was changed" in result.stderr
    assert result.exit_code == 1


@pytest.mark.usefixtures("fake_archive")
def test_edges_whose_root_nobody_here_knows(logged_in):
    result = logged_in("audit", "verify")
    assert result.exit_code == 1
    assert "its manifest was signed by a stranger" in result.stderr


def test_a_chain_must_not_become_shorter_than_it_was(logged_in, fake_archive, roots, tmp_path):
    assert logged_in("audit", "verify", *roots).exit_code == 0
    kept = json.loads((tmp_path / "home" / FILE).read_text())
    assert {key: each["seq"] for key, each in next(iter(kept.values())).items()} == {
        f"e1/{CHAIN}": 5,
        f"e2/{'ff' * 8}": 1,
    }
    fake_archive.chunks[1:2] = []
    fake_archive.heads["e1", CHAIN] = fake_archive.chunks[0].signed.manifest.end
    del fake_archive.heads["e2", "ff" * 8]
    fake_archive.serve()
    result = logged_in("audit", "verify", *roots)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[:2] == [
        f"e1 {CHAIN}: it ends here, and went to line 5 before",
        f"e2 {'ff' * 8}: the chain is gone, and went to line 1 before",
    ]


def test_a_gap_is_no_problem_and_is_told(logged_in, fake_archive, roots):
    fake_archive.add(record(6))
    fake_archive.add(record(7))
    del fake_archive.chunks[3]
    fake_archive.serve(gaps=[[6, 6]])
    result = logged_in("audit", "verify", *roots)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[0] == "1 line never came"


def test_an_export_and_again(logged_in, fake_archive, tmp_path):
    result = logged_in("audit", "export", tmp_path / "x", "--service", "orders", "--since", "30d")
    assert result.stderr == f"3 chunks in {tmp_path / 'x'}, 3 of them new\n"
    fake_archive.add(record(6))
    fake_archive.serve()
    result = logged_in("audit", "export", tmp_path / "x", "-o", "json")
    assert json.loads(result.stdout) | {"messages": []} == {
        "command": "audit export",
        "directory": str(tmp_path / "x"),
        "chunks": 4,
        "written": 1,
        "messages": [],
    }


def test_an_export_is_verified_without_the_ca(logged_in, fake_ca, exported, roots):
    fake_ca.requests.clear()
    result = logged_in("audit", "verify", "--directory", exported, *roots)
    assert (result.exit_code, result.stderr) == (0, "verified: 6 lines in 2 chains\n")
    assert fake_ca.requests == []


def test_one_changed_byte_of_an_export(logged_in, exported, roots):
    path = exported / "e1" / CHAIN / "000000000000000003.ndjson"
    path.write_bytes(path.read_bytes().replace(b"select 5", b"select 6"))
    result = logged_in("audit", "verify", "--directory", exported, *roots)
    assert result.exit_code == 1
    assert f"e1 {CHAIN}: one of lines 3 to 5 was changed, or they do not " in result.stderr


def test_files_of_an_export_that_are_gone(logged_in, exported, roots):
    folder = exported / "e1" / CHAIN
    (folder / "000000000000000001.jws").unlink()
    result = logged_in("audit", "verify", "--directory", exported, "--edge", "e1", *roots)
    assert result.exit_code == 1
    assert "cannot read" in result.stderr
    (folder / "000000000000000001.ndjson").unlink()
    result = logged_in("audit", "verify", "--directory", exported, "--edge", "e1", *roots)
    assert f"e1 {CHAIN}: lines 1 to 2 are missing" in result.stderr


@pytest.fixture
def exported_of_bob(logged_in, fake_archive, tmp_path):
    """Two of a chain's four chunks, behind and before others."""
    for number, user in ((6, "bob"), (7, "alice"), (8, "bob"), (9, "alice")):
        fake_archive.add(record(number, user=user))
    fake_archive.serve()
    logged_in("audit", "export", tmp_path / "x", "--user", "bob")
    return tmp_path / "x"


def test_an_export_of_some_says_what_is_left_out(logged_in, exported_of_bob, roots):
    result = logged_in("audit", "verify", "--directory", exported_of_bob, *roots)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        (
            "6 lines left out, as nobody asked for them: whether somebody changed those,"
            " `pgward audit verify` without --directory shows"
        ),
        "verified: 2 lines in 1 chain",
    ]
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["EDGE", "CHAIN", "FROM", "TO", "LINES", "MISSING", "LEFT", "OUT", "RESULT"],
        ["e1", CHAIN, "1", "8", "2", "0", "6", "ok"],
    ]


@pytest.mark.parametrize(("gone", "line"), [("6", "line 6 is missing"), ("8", "line 8 is missing")])
def test_what_was_asked_for_and_is_gone(logged_in, exported_of_bob, roots, gone, line):
    for path in (exported_of_bob / "e1" / CHAIN).glob(f"*{gone}.*"):
        path.unlink()
    result = logged_in("audit", "verify", "--directory", exported_of_bob, *roots)
    assert result.exit_code == 1
    assert f"e1 {CHAIN}: {line}" in result.stderr


def test_the_end_of_an_export_that_is_gone(logged_in, exported, roots):
    for path in (exported / "e1" / CHAIN).glob("*3.*"):
        path.unlink()
    result = logged_in("audit", "verify", "--directory", exported, *roots)
    assert result.exit_code == 1
    assert f"e1 {CHAIN}: lines 3 to 5 are missing" in result.stderr


def test_no_export_there(logged_in, tmp_path, roots):
    result = logged_in("audit", "verify", "--directory", tmp_path, *roots)
    assert result.stderr == f"pgward: {tmp_path} holds no export: it has no export.json\n"
