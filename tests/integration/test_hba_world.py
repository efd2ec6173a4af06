"""Configurations as they are found in the world: real servers read them as we do."""

import re
import shutil
from pathlib import Path

import pytest

from pgward.hba.syntax import settings, tokens
from pgward.system.pg_programs import run
from pgward.system.postgres import Cluster
from tests.fixtures.hba_answers import Answers
from tests.fixtures.hba_compare import hba_differences, ident_differences, setting_differences
from tests.fixtures.hba_configurations import configurations, refusals, subject_in

pytestmark = pytest.mark.integration
_COMMENTED = re.compile(rb"^#([a-z_]+ = )", re.MULTILINE)
# What initdb takes for the socket and for the network; cert makes lines that no server takes.
_METHODS = (("peer", "scram-sha-256"), ("md5", "ident"), ("reject", "password"), ("trust", "cert"))


def test_each_version_reads_the_world_as_we_do(pg_each: Cluster, tmp_path: Path) -> None:
    """Which lines are refused, and what each of the others says."""
    answers = Answers(pg_each)
    wrong = []
    for each in configurations():
        subject = subject_in(each.directory, answers.version)
        assert refusals(subject, each.directory) == each.refused_by(answers.version), each.name
        wrong += [(each.name, said) for said in differences(answers, each.directory, tmp_path)]
    assert wrong == [], "\n".join(map(str, wrong))


def test_each_version_reads_its_own_samples_as_we_do(pg_each: Cluster, tmp_path: Path) -> None:
    """As they are delivered, and postgresql.conf with every setting that it shows."""
    answers = Answers(pg_each)
    (share,) = (pg_each.bin_dir.parent / "share").glob("**/pg_hba.conf.sample")
    for name in ("pg_hba.conf", "pg_ident.conf", "postgresql.conf"):
        data = (share.parent / f"{name}.sample").read_bytes()
        (tmp_path / name).write_bytes(data)
        assert b"".join(line.raw for line in tokens.parse(data)) == data
        assert b"".join(line.raw for line in settings.parse(data)) == data
    shown = tmp_path / "shown"
    shown.mkdir()
    conf = (tmp_path / "postgresql.conf").read_bytes()
    (shown / "postgresql.conf").write_bytes(_COMMENTED.sub(rb"\1", conf))
    assert differences(answers, tmp_path, tmp_path) == []
    assert differences(answers, shown, tmp_path) == []
    set_there = [each for each in subject_in(shown, answers.version).settings or () if each.setting]
    assert len(set_there) > 200


def test_each_version_reads_what_its_initdb_writes_as_we_do(pg_each: Cluster) -> None:
    """With the methods that it takes for the socket and the network, even where no server does."""
    answers, subjects = Answers(pg_each), []
    for number, (local, host) in enumerate(_METHODS):
        made = Cluster(pg_each.directory / f"made-{number}", pg_each.bin_dir)
        made.prepare()
        options = ["-D", made.data_dir, "--no-sync", f"--auth-local={local}", f"--auth-host={host}"]
        run([made.bin_dir / "initdb", *options], account=made.account, directory=made.directory)
        subjects.append(subject_in(made.data_dir, answers.version))
        assert differences(answers, made.data_dir, made.data_dir, only="pg_hba.conf") == []
    methods = [[each.says.method for each in subject.rules] for subject in subjects]
    assert methods == [[local, host, host] * 2 for local, host in _METHODS[:-1]] + [["trust"] * 2]
    assert [bool(each.hba_problems) for each in subjects] == [False, False, False, True]


def differences(answers: Answers, directory: Path, kept: Path, only: str = "") -> list[str]:
    """Put each file before the server, which goes on with its own; return where it says else."""
    subject = subject_in(directory, answers.version)
    found = []
    compared = {
        "pg_hba.conf": (hba_differences, subject.hba),
        "pg_ident.conf": (ident_differences, subject.ident),
        "postgresql.conf": (setting_differences, subject.settings),
    }
    for name, (compare, lines) in compared.items():
        if (directory / name).exists() and only in {"", name}:
            own = kept / f"{name}.own"
            shutil.copy(answers.data_dir / name, own)
            answers.lay(directory, name)
            found += [f"{name}: {said}" for said in compare(answers, lines, directory)]
            shutil.copyfile(own, answers.data_dir / name)
    return found
