from dataclasses import replace
from pathlib import Path

from pgward.ca.ceremony import init_report
from pgward.ca.ceremony.init import Made

CA = Path("/srv/ca")
MADE = Made(CA, "https://ca.example.com:8443", "SHA256:01", "admin", None, None, "ab")


def test_a_ca_is_served_and_logged_in_to():
    assert init_report.next_steps(MADE).splitlines() == [
        "",
        "next:",
        "  pgward ca serve /srv/ca",
        "  pgward login --ca https://ca.example.com:8443 --fingerprint SHA256:01 --user admin",
        "  or open https://ca.example.com:8443 in a browser, which leads to a first connection",
    ]


def test_what_must_be_kept_is_told():
    made = replace(MADE, passphrase_file=CA / "passphrase", root_keys=Path("/mnt/roots"))
    last = init_report.next_steps(made).splitlines()[5:]
    assert last == [
        "",
        "keep a copy of /srv/ca/passphrase elsewhere: it opens the CA's keys",
        "",
        "lock /mnt/roots away, and its passphrase somewhere else",
    ]


def test_a_subordinate_is_signed_and_imported_first():
    made = replace(MADE, fingerprint="", requests=CA / "requests")
    assert init_report.next_steps(made).splitlines()[2:] == [
        "  have /srv/ca/requests/*.csr signed by the company's root",
        "  pgward ca import /srv/ca FILE…",
        "  pgward ca serve /srv/ca",
    ]


def test_only_what_is_there_is_shown(capsys):
    init_report.show(MADE, "table")
    titles = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    expected = ["directory", "url", "fingerprint", "administrator", "transcript sha256"]
    assert titles == expected
