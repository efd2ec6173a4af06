"""What ``pgward ca init`` tells a person at its end."""

from typing import Any

from pgward.ca.ceremony.init import Made
from pgward.system import terminal


def show(made: Made, output: str) -> None:
    """Print what was made on stdout, and what comes next on stderr."""
    paths = (made.password_file, made.passphrase_file, made.root_keys, made.requests)
    password, secret, roots, requests = (path and str(path) for path in paths)
    shown: dict[str, Any] = {
        "directory": str(made.directory),
        "url": made.url,
        "fingerprint": made.fingerprint or None,
        "administrator": made.administrator,
        "password_file": password,
        "passphrase_file": secret,
        "root_keys": roots,
        "requests": requests,
        "transcript_sha256": made.transcript_sha256,
    }
    titles = {key: key.replace("_", " ") for key, value in shown.items() if value is not None}
    terminal.record(shown, titles, output)
    terminal.note(next_steps(made))


def next_steps(made: Made) -> str:
    """Return the commands to run next, and what to keep where."""
    lines = ["", "next:"]
    if made.requests is not None:
        lines += [
            f"  have {made.requests}/*.csr signed by the company's root",
            f"  pgward ca import {made.directory} FILE…",
        ]
    lines += [f"  pgward ca serve {made.directory}"]
    if made.fingerprint:
        url = "URL (`ca serve` prints it)" if made.url.endswith(":0") else made.url
        login = f"--ca {url} --fingerprint {made.fingerprint} --user {made.administrator}"
        lines += [f"  pgward login {login}"]
        lines += [f"  or open {url} in a browser, which leads to a first connection"]
    if made.passphrase_file is not None:
        lines += ["", f"keep a copy of {made.passphrase_file} elsewhere: it opens the CA's keys"]
    if made.root_keys is not None:
        lines += ["", f"lock {made.root_keys} away, and its passphrase somewhere else"]
    return "\n".join(lines)
