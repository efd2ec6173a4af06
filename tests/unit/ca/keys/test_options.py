import click
from click.testing import CliRunner

from pgward.ca.keys import options


def test_both_sources_are_given_to_the_command():
    @click.command()
    @options.opening
    def command(passphrase_file, pin_file):
        click.echo(f"{passphrase_file} {pin_file}")

    run = CliRunner().invoke
    assert run(command, []).output == "None None\n"
    assert run(command, ["--passphrase-file", "fd:3", "--pin-file", "-"]).output == "fd:3 -\n"
    assert run(command, ["--help"]).output.index("passphrase") < run(
        command, ["--help"]
    ).output.index("pin-file")
