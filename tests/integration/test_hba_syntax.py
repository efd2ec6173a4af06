"""What each real PostgreSQL takes and refuses is what our reading of its files says."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pgward.hba.syntax import rules, tokens
from pgward.hba.syntax.problems import BadLineError
from pgward.hba.syntax.regexes import BadRegexError, BeyondUsError, compiled
from pgward.hba.syntax.versions import Abilities
from pgward.system.postgres import Cluster
from tests.fixtures.hba_lines import EXPRESSIONS, LINES, SUBJECTS

pytestmark = pytest.mark.integration
many = settings(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# What depends on how a server was built, or on its settings, is no matter of syntax.
_ELSEWHERE = ("not supported by this build", "oauth_validator_libraries")
_REFUSED = """select line_number, case when type is null then coalesce(error, 'NULL') end
from pg_hba_file_rules"""
_JUDGE = """create function judge(p text, s text) returns text language plpgsql as $$
declare g text[];
begin
  if s ~ p then
    select regexp_matches(s, p) into g;
    return 'yes ' || coalesce(g[1], '');
  end if;
  return 'no';
exception when others then return 'refused';
end $$"""


def test_each_version_refuses_the_lines_that_we_refuse(pg_each: Cluster) -> None:
    version = int((pg_each.data_dir / "PG_VERSION").read_text())
    able = Abilities.of(version)

    @many
    @given(st.lists(LINES, min_size=1, max_size=150))
    def agree(lines: list[str]) -> None:
        data = "".join(f"{line}\n" for line in lines).encode()
        (pg_each.data_dir / "pg_hba.conf").write_bytes(data)
        rows = [row.partition("|") for row in pg_each.psql(_REFUSED).splitlines()]
        said = {int(number): error for number, _, error in rows}
        for line in tokens.parse(data, continuation=able.continuation):
            theirs = said[line.number]
            if not any(each in theirs for each in _ELSEWHERE):
                ours = refusal(line, able)
                assert bool(ours) == bool(theirs), (lines[line.number - 1], ours, theirs)

    agree()


def refusal(line: tokens.Line, able: Abilities) -> str:
    try:
        rules.read(line.fields, able)
    except BadLineError as error:
        return str(error)
    return ""


def test_each_version_matches_what_we_match(pg_each: Cluster) -> None:
    """In a database of bytes in the C locale, as hba.c compiles expressions."""
    version = int((pg_each.data_dir / "PG_VERSION").read_text())
    pg_each.psql(
        "create database bytes encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0"
    )
    pg_each.psql(_JUDGE, database="bytes")

    @many
    @given(st.lists(st.tuples(EXPRESSIONS, SUBJECTS), min_size=1, max_size=150))
    def agree(pairs: list[tuple[str, str]]) -> None:
        values = ", ".join(f"({n}, {sql(p)}, {sql(s)})" for n, (p, s) in enumerate(pairs))
        query = f"select judge(p, s) from (values {values}) v(n, p, s) order by n"
        rows = pg_each.psql(query, database="bytes").splitlines()
        for (source, text), theirs in zip(pairs, rows, strict=True):
            assert theirs in verdicts(source, text, version), (source, text)

    agree()


def verdicts(source: str, text: str, version: int) -> set[str]:
    """What we say, in the words of ``judge``; several where we say that we cannot tell."""
    try:
        found = compiled(source, version)
    except BadRegexError:
        return {"refused"}
    except BeyondUsError:
        return {"refused", "no", *(f"yes {text[a:b]}" for a in range(6) for b in range(a, 7))}
    if not found.matches(text):
        return {"no"}
    try:
        group = found.first_group(text) if found.groups else text
    except BeyondUsError:
        return {f"yes {text[a:b]}" for a in range(6) for b in range(a, 7)}
    if not found.groups:  # of an expression without groups, the whole match is returned
        return {f"yes {text[a:b]}" for a in range(6) for b in range(a, 7)}
    return {f"yes {group or ''}"}


def sql(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
