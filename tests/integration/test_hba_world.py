"""Configurations as they are found in the world: real servers read them as we do."""

import re
import shutil
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pytest

from pgward.hba.check.subject import Subject
from pgward.hba.syntax import settings, tokens
from pgward.hba.syntax.addresses import HostName, Network, Word
from pgward.hba.syntax.mappings import Mapping
from pgward.hba.syntax.rules import Rule
from pgward.system.pg_programs import run
from pgward.system.postgres import Cluster
from tests.fixtures.hba_answers import ELSEWHERE, Answers
from tests.fixtures.hba_configurations import configurations, refusals, subject_in

pytestmark = pytest.mark.integration
_V4_BITS = 32
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
    for name, compare in _COMPARED.items():
        if (directory / name).exists() and only in {"", name}:
            own = kept / f"{name}.own"
            shutil.copy(answers.data_dir / name, own)
            answers.lay(directory, name)
            found += [f"{name}: {said}" for said in compare(answers, subject, directory)]
            shutil.copyfile(own, answers.data_dir / name)
    return found


def hba_differences(answers: Answers, subject: Subject, directory: Path) -> Iterator[str]:
    ours = {
        (relative(each.place.path, directory), each.place.line): rule_row(each.says)
        for each in subject.rules
    }
    refused = {p for p in refusals(subject, directory) if "ident" not in p.partition(":")[0]}
    for row in answers.hba():
        place = row["file"], row["line"]
        if any(said in (row["error"] or "") for said in ELSEWHERE):
            ours.pop(place, None)
            refused.discard(f"{place[0]}:{place[1]}")
        elif row["type"] is None:
            if f"{place[0]}:{place[1]}" not in refused:
                yield f"{place} is refused: {row['error']}"
            refused.discard(f"{place[0]}:{place[1]}")
        else:
            theirs = {key: row[key] for key in ("type", "database", "user_name", "auth_method")}
            theirs |= address_row(row["address"], row["netmask"])
            theirs["map"] = mapped(row["options"])
            if ours.pop(place, None) != theirs:
                yield f"{place} says {theirs}"
    yield from (f"{place} is nothing to the server" for place in ours)


def ident_differences(answers: Answers, subject: Subject, directory: Path) -> Iterator[str]:
    ours = {
        (relative(each.place.path, directory), each.place.line): mapping_row(each.says)
        for each in subject.mappings
    }
    refused = {
        (relative(each.place.path, directory), each.place.line) for each in subject.ident_problems
    }
    for row in answers.ident():
        place = row["file"], row["line"]
        if row["map_name"] is None:
            if place not in refused:
                yield f"{place} is refused: {row['error']}"
            refused.discard(place)
        else:
            theirs = {key: row[key] for key in ("map_name", "sys_name", "pg_username")}
            if ours.pop(place, None) != theirs:
                yield f"{place} says {theirs}"
    if answers.version >= 15:
        yield from (f"{place} is nothing to the server" for place in ours)
    yield from (f"{place} is taken" for place in refused)


def setting_differences(answers: Answers, subject: Subject, directory: Path) -> Iterator[str]:
    ours, broken = [], set()
    for each in subject.settings or ():
        place = relative(each.place.path, directory), each.place.line
        if place[0] in broken:
            continue
        if each.problem == "syntax error":
            broken.add(place[0])
        setting = each.setting
        ours.append((*place, setting and setting.name, setting and setting.value))
    theirs = [(row["file"], row["line"], row["name"], row["setting"]) for row in answers.settings()]
    if ours != theirs:
        yield f"we say {set(ours) - set(theirs)}, the server {set(theirs) - set(ours)}"
    if broken:
        told = {(file, line) for file, line in answers.refused_by_the_log()}
        wrong = {
            (relative(each.place.path, directory), each.place.line)
            for each in subject.settings or ()
            if each.problem == "syntax error"
        }
        if told != wrong:
            yield f"syntax errors are at {told}, we say {wrong}"


_COMPARED = {
    "pg_hba.conf": hba_differences,
    "pg_ident.conf": ident_differences,
    "postgresql.conf": setting_differences,
}


def relative(path: str, directory: Path) -> str:
    return str(Path(path).relative_to(directory))


def rule_row(rule: Rule) -> dict[str, Any]:
    """What ``pg_hba_file_rules`` shows of a rule."""
    address = rule.address
    row: dict[str, Any] = {"address": None, "netmask": None}
    if isinstance(address, Word | HostName):
        row["address"] = address.value if isinstance(address, Word) else address.name
    elif isinstance(address, Network):
        of = IPv4Address if address.bits == _V4_BITS else IPv6Address
        row = {"address": of(address.address), "netmask": of(address.mask)}
    return {
        "type": rule.kind,
        "database": [shown(each.text) for each in rule.databases],
        "user_name": [shown(each.text) for each in rule.roles],
        "auth_method": rule.method,
        "map": rule.option("map") or None,
        **row,
    }


def address_row(address: str | None, netmask: str | None) -> dict[str, Any]:
    if netmask is None:
        return {"address": address, "netmask": None}
    return {"address": ip_address(address or ""), "netmask": ip_address(netmask)}


def shown(text: str) -> str:
    """Return a word without bytes that are not UTF-8, which psql does not show."""
    return text.encode(errors="ignore").decode()


def mapping_row(mapping: Mapping) -> dict[str, str]:
    return {
        "map_name": mapping.map,
        "sys_name": mapping.system.text,
        "pg_username": mapping.role.text,
    }


def mapped(options: list[str] | None) -> str | None:
    found = [each.partition("=")[2] for each in options or () if each.startswith("map=")]
    return found[0] if found else None
