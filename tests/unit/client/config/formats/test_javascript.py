import pytest

from pgward.client.config.formats import javascript
from tests.fixtures.golden_configs import FACTS

RENDERS = pytest.mark.parametrize("render", [javascript.node_postgres, javascript.postgres_js])


@RENDERS
@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("tunnel", ["servername: ", "get ca()"]),
        ("native", ["get ca()"]),
        ("verify-ca", ["servername: ", "get ca()", "checkServerIdentity"]),
        ("require", ["servername: ", "rejectUnauthorized: false"]),
    ],
)
def test_tls_is_as_strict_as_the_mode(render, title, said):
    text = render(FACTS[title])
    every = ["servername: ", "get ca()", "rejectUnauthorized: false", "checkServerIdentity"]
    assert [each for each in every if each in text] == said


@RENDERS
def test_files_are_read_for_each_connection(render):
    text = render(FACTS["tunnel"])
    assert text.count("readFileSync(") == text.count("get c") + text.count("get key()") == 3


@RENDERS
def test_without_tls_no_file_is_read(render):
    text = render(FACTS["disable"])
    assert "ssl: false" in text
    assert "fs" not in text
