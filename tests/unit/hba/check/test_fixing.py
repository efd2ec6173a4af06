import dataclasses
from ipaddress import ip_address
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.hba.check import fixing
from pgward.hba.check.catalogue import BY_ID, RULES, check
from pgward.hba.check.fix import Edit
from pgward.hba.check.rule import Example
from pgward.hba.check.subject import Subject
from pgward.hba.decide.connection import Connection, Encryption
from pgward.hba.decide.deciding import decide
from pgward.hba.decide.verdict import binds_name
from pgward.hba.plan.block import BEGIN, END
from pgward.hba.syntax.rules import asks_for_certificate
from tests.fixtures.hba_examples import subject_of

WIDE = "host all all all md5\n"


def mended(example: Example, rule: str, path: str = "/hba") -> str | None:
    """The file after the fixes of a rule; None without any."""
    return mended_of(subject_of(example), rule, path)


def mended_of(subject: Subject, rule: str, path: str = "/hba") -> str | None:
    edits = [each.fix for each in BY_ID[rule].findings(subject) if isinstance(each.fix, Edit)]
    if not edits:
        return None
    for each in edits:
        assert each.path == path
        assert place(subject.texts[path], each.start) == each.begins
        assert place(subject.texts[path], each.end) == each.ends
    return fixing.carried_out(subject.texts[path], edits).decode("utf-8", "surrogateescape")


def place(data: bytes, at: int) -> tuple[int, int]:
    before = data[:at].decode("utf-8", "surrogateescape")
    return before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{WIDE}host a b 10.0.0.0/8 md5\n# end\n", f"{WIDE}# end\n"),
        (f"{WIDE}host a b 10.0.0.0/8 md5 # é\r\nx", f"{WIDE}x"),
        (f"{WIDE}host a \\\n b 10.0.0.0/8 md5\nx", f"{WIDE}x"),
        (f"{WIDE}host a b 10.0.0.0/8 md5", WIDE),
        (f"{WIDE}{WIDE}{WIDE}", WIDE),
        (f"{WIDE}# pgward-ignore HBA017: so\n{WIDE}", None),
        (f"{WIDE}hostssl a b 10.0.0.0/8 cert\n", None),
        (f"{WIDE}host a b 10.0.0.0/8 reject\n", None),
    ],
)
def test_a_line_is_taken_out(before, after) -> None:
    assert mended(Example(before), "HBA011") == after


def test_a_line_that_is_read_twice_stays() -> None:
    """Of a file that is included twice the second time is never reached, and the first is."""
    subject = subject_of(Example(WIDE))
    again = dataclasses.replace(subject, hba=[*subject.hba, *subject.hba], kept={})
    assert len(list(BY_ID["HBA011"].findings(again))) == 1
    assert mended_of(again, "HBA011") is None


@pytest.mark.parametrize(
    ("above", "between", "below"), [(BEGIN, "", END), (BEGIN, END, ""), ("", BEGIN, END)]
)
def test_the_block_of_apply_stays_and_so_does_what_it_covers(above, between, below) -> None:
    text = f"{above}\n{WIDE}{between}\n{WIDE}{below}\n"
    assert mended(Example(text), "HBA011") is None
    assert mended(Example(f"{BEGIN}\n{END}\n{WIDE}{WIDE}"), "HBA011") is not None


def test_a_setting_in_the_block_of_apply_stays() -> None:
    conf = f"{BEGIN}\nlog_connections = off\n{END}\n"
    assert mended(Example(conf=conf), "HBA050", "/conf") is None


def test_nothing_is_offered_without_the_files() -> None:
    subject = subject_of(Example(WIDE + WIDE, conf="port = 1"))
    bare = dataclasses.replace(subject, texts={}, kept={})
    assert {each.fix for each in check(bare)} == {None}


SSL = "hostssl all all 10.0.0.0/8 "


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("md5 clientcert=1", "md5 clientcert=verify-ca"),
        ("md5\tclientcert=1 # clientcert=1 é", "md5\tclientcert=verify-ca # clientcert=1 é"),
        ("cert clientcert=1 map=x", "cert clientcert=verify-full map=x"),
        ("cert clientcert=verify-ca", "cert clientcert=verify-full"),
        ("md5  clientcert=0", "md5"),
        ("gss clientcert=no-verify include_realm=0", "gss include_realm=0"),
        ('md5 "clientcert=1"', None),
        ("md5 clientcert=1,clientcert=1", None),
        ("gss include_realm=0,clientcert=0", None),
        ("md5 clientcert=verify-ca", None),
    ],
)
def test_an_option_is_written_in_another_way(before, after) -> None:
    found = mended(Example(f"# é\n{SSL}{before}\n", version=13), "HBA038")
    assert found == (None if after is None else f"# é\n{SSL}{after}\n")


@pytest.mark.parametrize(
    ("version", "before", "after"),
    [
        (16, "port = 1\n", "port = 1\nlog_connections = on\n"),
        (16, "port = 1", "port = 1\nlog_connections = on\n"),
        (16, "", "log_connections = on\n"),
        (16, "Log_Connections off # é\nx = 1\n", "Log_Connections on # é\nx = 1\n"),
        (16, "log_connections='o''ff'", "log_connections=on"),
        (
            16,
            "log_connections=on\n log_connections\t=\t0\n",
            "log_connections=on\n log_connections\t=\ton\n",
        ),
        (18, "log_connections = ''\n", "log_connections = on\n"),
        (
            18,
            "log_connections = 'setup_durations'\n",
            "log_connections = 'setup_durations,authentication,authorization'\n",
        ),
    ],
)
def test_a_setting_is_set(version, before, after) -> None:
    assert mended(Example(conf=before, version=version), "HBA050", "/conf") == after


@pytest.mark.parametrize("path", ["/d/postgresql.auto.conf", "/d/postmaster.opts"])
def test_a_setting_of_elsewhere_stays(path) -> None:
    subject = subject_of(Example(conf="log_connections = off"))
    (found,) = subject.settings or ()
    place = dataclasses.replace(found.place, path=path)
    moved = dataclasses.replace(
        subject,
        settings=[dataclasses.replace(found, place=place)],
        texts={"/d/postgresql.auto.conf": b"log_connections = off"},
        kept={},
    )
    assert mended_of(moved, "HBA050") is None


def test_edits_of_the_same_file() -> None:
    def edit(start: int, end: int, text: bytes) -> Edit:
        return Edit("/x", start, end, text, (1, start + 1), (1, end + 1))

    data = b"0123456789"
    assert fixing.carried_out(data, [edit(8, 9, b"x"), edit(0, 1, b"")]) == b"1234567x9"
    assert fixing.carried_out(data, [edit(2, 8, b""), edit(3, 4, b"x")]) == b"0189"
    assert fixing.carried_out(data, [edit(2, 3, b"x"), edit(2, 3, b"x")]) == b"01x3456789"
    for wrong in ([edit(2, 5, b"x"), edit(4, 6, b"y")], [edit(9, 11, b"")]):
        with pytest.raises(fixing.StaleFixError, match="/x is not as it was read"):
            fixing.carried_out(data, wrong)


def test_examples_of_rules_that_have_a_fix_are_mended_by_it() -> None:
    for rule in RULES:
        findings = list(rule.findings(subject_of(rule.bad)))
        assert any(each.fix is not None for each in findings) == bool(rule.fix), rule.id
        example = rule.bad
        edits = [each.fix for each in findings if isinstance(each.fix, Edit)]
        if not edits:
            continue
        texts = subject_of(example).texts
        after = fixing.carried_out(texts[edits[0].path], edits).decode()
        field = {"/hba": "hba", "/conf": "conf", "/ident": "ident"}[edits[0].path]
        again = dataclasses.replace(example, **{field: after})
        left = list(rule.findings(subject_of(again)))
        assert len(left) == len(findings) - len(edits), rule.id


NAMES = st.sampled_from(["all", "a", "b", "a,b", '"a"', "+g", "replication", "/^a", "sameuser"])
ADDRESSES = st.sampled_from(
    ["all", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/8", "samenet", "h.test", "::/0", "0.0.0.0/0"]
)
PROOFS = st.sampled_from(["md5", "reject", "trust", "scram-sha-256"])
OPTIONS = st.sampled_from(["", "clientcert=1", "clientcert=0", "clientcert=verify-ca  # é"])
LINES = st.builds(
    "{} {} {} {} {}".format,
    st.sampled_from(["host", "hostnossl", "hostgssenc"]),
    NAMES,
    NAMES,
    ADDRESSES,
    PROOFS,
) | st.builds("hostssl {} {} {} {} {}".format, NAMES, NAMES, ADDRESSES, PROOFS, OPTIONS)
ENDS = st.sampled_from(["\n", "\r\n", "\n# a comment\n", " \n\n"])
CONNECTIONS = [
    Connection(user, database, ip_address(address), encryption, "h.test")
    for user, database, address, encryption in product(
        ("a", "b", "c"), ("a", "b", None), ("10.1.2.3", "10.2.0.1", "::1"), Encryption
    )
]


# Each example asks for hundreds of connections: few a run, and others in each.
@settings(max_examples=25)
@given(st.lists(st.tuples(LINES, ENDS).map("".join), min_size=2, max_size=6))
def test_nobody_is_let_in_or_locked_out_by_a_fix(lines: list[str]) -> None:
    """Who a line is for and what it asks is the same afterwards, at a version with most fixes."""
    before = subject_of(Example("".join(lines), version=13))
    after = "".join(lines)
    for rule in ("HBA038", "HBA011"):  # the first may make two lines the same
        after = mended(Example(after, version=13), rule) or after
    again = subject_of(Example(after, version=13))
    for connection in CONNECTIONS:
        assert asked(before, connection) == asked(again, connection), after
    assert mended(Example(after, version=13), "HBA011") is None


def asked(subject: Subject, connection: Connection) -> tuple[object, ...] | None:
    index = decide(subject.server, connection).index
    if index is None:
        return None
    rule = subject.server.rules[index]
    return rule.method, asks_for_certificate(rule, subject.able), binds_name(rule, subject.able)
