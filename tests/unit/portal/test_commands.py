from click.testing import CliRunner

from pgward.portal import commands


def test_a_bad_address_is_a_usage_error(tmp_path):
    done = CliRunner().invoke(commands.serve, [str(tmp_path), "--listen", "x"])
    assert done.exit_code == 2
    assert "is not an address" in done.stderr
