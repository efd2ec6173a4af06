import json

from click.testing import CliRunner

from pgward.cli import cli


def run(*arguments: str):
    return CliRunner().invoke(cli, ["hba", "managed", *arguments])


def test_in_words() -> None:
    result = run("rds")
    assert result.exit_code == 0, result.output
    assert (
        "- `rds.force_ssl = 1`: refuses connections without TLS; the default from 15 on [1]"
        in result.stdout
    )
    assert "- no client certificates" in result.stdout
    assert "put a pgward edge in front" in result.stdout
    assert "services change" in result.stderr


def test_as_data() -> None:
    document = json.loads(run("neon", "-o", "json").stdout)
    assert (document["title"], document["parameters"]) == ("Neon", [])


def test_an_unknown_service() -> None:
    assert run("heroku").exit_code == 2
