import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.policy.role_guard import NAME, RoleGuard
from pgward.policy.rules import Decision

GUARD = RoleGuard("orders_app")
OWN = RoleGuard("orders_app", own=True)
LONG = "a" * 63


def denies(text: str, guard: RoleGuard = GUARD) -> bool:
    return guard.denial(text.encode()) is not None


@pytest.mark.parametrize(
    "text",
    [
        "ALTER ROLE orders_app PASSWORD 'x'",
        "alter user orders_app with encrypted password null",
        "Alter Role \"orders_app\" VALID UNTIL 'yesterday'",
        "ALTER ROLE orders_app NOLOGIN",
        "ALTER ROLE orders_app RENAME TO gone",
        "ALTER GROUP orders_app RENAME TO gone",
        "ALTER GROUP orders_app ADD USER mallory",
        "ALTER USER current_user PASSWORD 'x'",
        "ALTER USER session_user PASSWORD 'x'",
        "SELECT 1; ALTER ROLE CURRENT_ROLE PASSWORD 'x'",
        "ALTER/* /* nested */ */ROLE-- and this\norders_app PASSWORD 'x'",
        "ALTER ROLE Orders_App PASSWORD 'x'",
        "ALTER ROLE U&\"\\006Frders_app\" PASSWORD 'x'",
        r"SELECT 'a\'; ALTER ROLE orders_app PASSWORD $$x$$; --'",
        r"SELECT 'a\'''; ALTER ROLE orders_app PASSWORD $$x$$; --'",
        "DO $$BEGIN ALTER ROLE orders_app PASSWORD 'x'; END$$",
        "DO 'BEGIN EXECUTE format(''alter user %I nologin'', current_user); END'",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'ALTER USER orders_app NOLOGIN'",
        "CREATE PROCEDURE f() LANGUAGE sql AS 'ALTER USER orders_app NOLOGIN'",
    ],
)
@pytest.mark.parametrize("guard", [GUARD, OWN])
def test_nobody_changes_how_the_role_logs_in(text, guard):
    assert denies(text, guard)


@pytest.mark.parametrize(
    "text",
    [
        "ALTER ROLE orders_app SET search_path TO mine",
        "ALTER ROLE orders_app IN DATABASE shop RESET ALL",
        "ALTER ROLE CURRENT_USER SET statement_timeout TO 1",
    ],
)
def test_settings_are_changed_of_ones_own_role_only(text):
    assert denies(text)
    assert not denies(text, OWN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SELECT 1",
        "ALTER TABLE orders_app ADD user text",
        "ALTER ROLE reporting PASSWORD 'x'",
        "ALTER ROLE \"Orders_App\" PASSWORD 'x'",
        "ALTER ROLE orders_apps NOLOGIN",
        "ALTER ROLE ALL SET search_path TO x",
        "ALTER ROLE reporting RENAME TO orders_app",
        "ALTER TABLE orders_app RENAME TO x; -- alter role",
        "ALTER USER MAPPING FOR orders_app SERVER s OPTIONS (SET password 'x')",
        "INSERT INTO notes VALUES ('ALTER ROLE orders_app PASSWORD ''x''')",
        "DO $$BEGIN ALTER ROLE reporting NOLOGIN; END$$",
        "DO $$BEGIN EXECUTE 'ALTER TABLE t OWNER TO orders_app'; END$$",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT 1'; ALTER ROLE r NOLOGIN",
        "CREATE ROLE another LOGIN",
    ],
)
@pytest.mark.parametrize("guard", [GUARD, OWN])
def test_all_else_passes(text, guard):
    assert guard.denial(text.encode()) is None


def test_why_it_is_denied_is_for_the_person():
    text = b"ALTER ROLE orders_app PASSWORD 'x'"
    reason = "people land here as orders_app, so it is not changed here"
    assert GUARD.denial(text) == Decision(allowed=False, rule=NAME, reason=reason)
    found = OWN.denial(text)
    assert found is not None
    assert found.reason == "how orders_app logs in is not changed here"


def test_what_has_the_words_and_cannot_be_read_is_denied():
    said = "what may change the role orders_app cannot be read: "
    long = GUARD.denial(b"ALTER ROLE ORDERS_APP NOLOGIN; SELECT a" + b", a" * 10_000)
    assert long is not None
    assert long.reason.startswith(f"{said}it is longer than 16384 bytes")
    odd = GUARD.denial(b'SELECT FROM WHERE; ALTER ROLE U&"\\006F" NOLOGIN')
    assert odd is not None
    assert odd.reason.startswith(f"{said}syntax error")
    assert GUARD.denial(b"SELECT '" + b"x" * 20_000 + b"'; ALTER TABLE t ADD c int") is None


def test_long_texts_are_read():
    name, long = "ALTER ROLE orders_app NOLOGIN", "x" * 20_000
    assert denies(f"SELECT '{long}'; {name}")
    assert denies(f"DO '{long} {name}'")
    assert not denies(f"SELECT '{long}; {name}'")


def followed(text: bytes, size: int, guard: RoleGuard = GUARD) -> bool:
    following = guard.follow()
    reads = [text[at : at + size] for at in range(0, len(text), size)]
    return any(following.take(memoryview(each)) is not None for each in reads)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 1000])
@pytest.mark.parametrize("between", [b" ", b"\n" * 2000, b"--\n", b"/**/"])
def test_what_passes_in_pieces_is_followed(size, between):
    change = b"select 1; ALTER" + between + b"ROLE Orders_App nologin"
    assert followed(change, size)
    assert followed(b"x" * 3000 + change, size)
    assert followed(b"do 'orders_app'" + b"x" * 3000 + b"alter" + between + b"user", size)
    assert not followed(change.replace(b"Orders_App", b"other"), size)
    assert followed(change.replace(b"ROLE", b"table"), size) is not between.isspace()
    assert followed(b"alter" + between + b"group x", size, RoleGuard("käfer"))


@given(st.lists(st.sampled_from([b"alter", b" ", b"ro", b"le", b"-", b"orders", b"_app", b"x"])))
def test_however_it_is_cut_the_same_is_seen(parts):
    following, text = GUARD.follow(), b"".join(parts)
    found = any(following.take(each) is not None for each in parts)
    assert found is (GUARD.follow().take(text) is not None)


def test_long_texts_about_other_roles_pass():
    assert GUARD.denial(b"SELECT '" + b"x" * 20_000 + b"'; ALTER ROLE reporting NOLOGIN") is None
    odd = RoleGuard('a"B')
    assert denies('ALTER ROLE "a""B" NOLOGIN', odd)
    assert not denies('ALTER ROLE "a""b" NOLOGIN', odd)


def test_names_are_as_long_as_postgresqls():
    guard = RoleGuard(LONG)
    assert denies(f"ALTER ROLE {LONG}bcd PASSWORD 'x'", guard)
    assert denies(f"ALTER ROLE {LONG} RENAME TO b", guard)


def test_names_are_read_in_the_clients_encoding():
    guard = RoleGuard("küche")
    text = "ALTER ROLE küche PASSWORD 'x'".encode("latin-1")
    assert guard.denial(text, encoding="LATIN1") is not None


@given(st.text() | st.lists(st.sampled_from(["alter ", "role ", "--", "/*", "\n", "'x'"])))
def test_it_never_breaks(text):
    GUARD.denial("".join(text).encode(errors="surrogatepass"))
