from pgward.pgwire.errors import LoginFailedError, VersionRefusedError, WireError


def test_what_to_answer() -> None:
    assert WireError("no").sqlstate == "08P01"
    assert WireError("no", sqlstate="28000", hint="ask").hint == "ask"
    assert WireError.code == "protocol"


def test_a_refused_login_has_the_backends_fields() -> None:
    error = LoginFailedError("no such role", fields={"C": "28000", "M": "no such role"})
    assert (error.sqlstate, error.fields["M"]) == ("28000", "no such role")
    assert LoginFailedError("it ended").sqlstate == "08P01"
    assert isinstance(VersionRefusedError("3.2"), LoginFailedError)
