import json
import stat
from dataclasses import replace

import pytest

from pgward.ca import serve
from pgward.ca.serve import Options
from pgward.ca.settings import CaSettings, Settings
from pgward.core.address import Address
from pgward.core.errors import NotFoundError


def test_a_url_without_a_port_gets_the_real_one():
    open_port = replace(Settings(), ca=CaSettings(url="https://localhost:0"))
    address = Address("127.0.0.1", 4711)
    assert serve._with_port(open_port, address).ca.url == "https://localhost:4711"
    behind = replace(Settings(), ca=CaSettings(url="https://ca.example.com"))
    assert serve._with_port(behind, address) == behind
    assert serve._with_port(Settings(), address) == Settings()


def test_every_name_is_an_origin():
    settings = replace(
        Settings(), ca=CaSettings(dns=("a", "b"), ips=("::1",), url="https://proxy.example.com")
    )
    expected = ["https://a:1", "https://b:1", "https://[::1]:1", "https://10.0.0.1:1"]
    assert serve._origins(settings, Address("10.0.0.1", 1)) == expected


def test_a_ready_file_and_a_line_tell_where(authority, tmp_path, capsys):
    ready = tmp_path / "ready.json"
    serve._announce(authority, Address("127.0.0.1", 4711), ready, Address("127.0.0.1", 9464))
    told = json.loads(ready.read_text())
    assert (told["address"], told["metrics"]) == ("127.0.0.1:4711", "127.0.0.1:9464")
    assert (told["url"], told["fingerprint"]) == (authority.settings.ca.url, authority.fingerprint)
    assert stat.S_IMODE(ready.stat().st_mode) == 0o644
    assert capsys.readouterr().out == "listening 127.0.0.1:4711\n"


def test_what_the_command_line_says_comes_before_the_settings():
    settings = Settings.parse('[listen]\nmetrics = "[::1]:1"\n[logging]\nformat = "json"')
    assert serve._overridden(settings, Options()) == settings
    options = Options(metrics=Address("127.0.0.1", 0), log_format="text", traces="otlp")
    found = serve._overridden(settings, options)
    assert found.listen.metrics == "127.0.0.1:0"
    assert (found.logging.format, found.logging.traces) == ("text", "otlp")


def test_a_directory_without_a_ca_is_refused(tmp_path):
    with pytest.raises(NotFoundError, match="not a CA directory"):
        serve.run(tmp_path, Options(), lambda _app, _context: None)
