#!/usr/bin/env python3
"""An example of a helper that signs for a CA (`exec:` references, protocol pgward-signer/1).

It keeps its keys in files of its own, with OpenSSL's command line; a real one would ask a KMS.
It reads one line of JSON a request from standard input, and answers each with one line, until
its input ends. Python's standard library and `openssl` are all that it needs.

    PGWARD_SIGNER_KEYS=/var/lib/signer pgward ca init DIR --keys-in exec:/opt/pgward-signer.py
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

KEYS = Path(os.environ.get("PGWARD_SIGNER_KEYS", "keys"))
OPTIONS = {
    "p256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "ed25519": ["ED25519"],
    "rsa3072": ["RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    "rsa4096": ["RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
}


def openssl(*arguments: object, data: bytes = b"") -> bytes:
    """Run a command of OpenSSL; what it complains of goes to the CA's log."""
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    if done.returncode != 0:
        print(done.stderr.decode(errors="replace"), file=sys.stderr)
        raise ValueError(f"openssl {command[1]} failed")
    return done.stdout


def path_of(name: str) -> Path:
    """Find a key's file; a name that leads elsewhere is refused."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise ValueError("that cannot be the name of a key here")
    return KEYS / f"{name}.pem"


def public(request: dict) -> dict:
    """Answer with the public half."""
    path = path_of(request["key"])
    if not path.exists():
        raise ValueError(f"there is no key {request['key']}")
    return {"public_key": openssl("pkey", "-in", path, "-pubout").decode()}


def create(request: dict) -> dict:
    """Make a key, once."""
    path = path_of(request["key"])
    if path.exists():
        raise ValueError(f"there is a key {request['key']} already")
    KEYS.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.umask(0o077)
    openssl("genpkey", "-algorithm", *OPTIONS[request["type"]], "-out", path)
    return public(request)


def sign(request: dict) -> dict:
    """Sign what the CA asks for."""
    path, algorithm = path_of(request["key"]), request["algorithm"]
    if algorithm == "ed25519":  # the message itself: openssl wants it in a file
        with tempfile.NamedTemporaryFile() as message:
            message.write(base64.b64decode(request["message"]))
            message.flush()
            made = openssl("pkeyutl", "-sign", "-inkey", path, "-rawin", "-in", message.name)
    else:  # ecdsa-sha256, ecdsa-sha384, rsa-pkcs1-sha256: a hash that the CA made
        digest = base64.b64decode(request["digest"])
        hashed = ["-pkeyopt", f"digest:{algorithm.rpartition('-')[2]}"]
        made = openssl("pkeyutl", "-sign", "-inkey", path, *hashed, data=digest)
    return {"signature": base64.b64encode(made).decode()}


def answer(line: str) -> dict:
    """Do what one line asks for."""
    request = json.loads(line)
    try:
        does = {"public": public, "create": create, "sign": sign}[request["op"]]
        return {"id": request["id"], **does(request)}
    except (ValueError, KeyError, OSError) as error:
        return {"id": request["id"], "error": str(error)}


for each in sys.stdin:
    print(json.dumps(answer(each)), flush=True)
