from base64 import b64decode

import scramp

from pgward.ca.handles import verifier

SALT = b"0123456789abcdef"
SECRET = "pgt1.s3cret"


def test_it_is_what_postgresql_would_keep():
    made = verifier.make(SECRET, SALT)
    mechanism, rounds, keys = made.split("$")
    assert (mechanism, rounds.split(":")[0]) == ("SCRAM-SHA-256", "4096")
    stored_key, server_key = (b64decode(each) for each in keys.split(":"))
    others = scramp.ScramMechanism("SCRAM-SHA-256").make_auth_info(SECRET, 4096, SALT)
    assert others == (SALT, stored_key, server_key, 4096)
    assert SECRET not in made
