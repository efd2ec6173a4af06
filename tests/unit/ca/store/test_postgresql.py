import pytest
import sqlalchemy as sa

from pgward.ca.store import engine, postgresql
from pgward.core.errors import InvalidInputError


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u@a:1,b:2/d", {"user": "u", "dbname": "d", "host": "a,b", "port": "1,2"}),
        ("postgresql://a,b/d", {"dbname": "d", "host": "a,b", "port": "5432,5432"}),
        (
            "postgresql+psycopg://a:1,b:2/d?sslmode=verify-full",
            {"dbname": "d", "host": "a,b", "port": "1,2", "sslmode": "verify-full"},
        ),
        ("postgresql://?service=ca", {"service": "ca"}),
        ("postgresql://u@a/d", {"user": "u", "dbname": "d", "host": "a"}),
    ],
)
def test_urls_as_libpq_reads_them(url, said):
    parsed = engine.parse_url(url)
    _, arguments = sa.create_engine(parsed).dialect.create_connect_args(parsed)
    arguments.pop("context")
    assert arguments == said


@pytest.mark.parametrize(
    "url",
    ["postgresql://u:geheim@h/d", "postgresql://a:1,b:2/d?password=geheim", "postgresql://:x@h/d"],
)
def test_a_password_in_a_url_is_seen(url):
    with pytest.raises(InvalidInputError, match="command line") as caught:
        postgresql.refuse_password(engine.parse_url(url))
    assert "geheim" not in f"{caught.value}{caught.value.hint}"


def test_what_the_url_says_itself_counts():
    url = engine.parse_url("postgresql://h/d?connect_timeout=30&application_name=mine")
    arguments = postgresql.connect_arguments(url)
    assert "connect_timeout" not in arguments
    assert "application_name" not in arguments
    assert arguments["target_session_attrs"] == "read-write"
