from pgward.ca.login.ldap.errors import LdapRefusedError


def test_a_refusal_tells_the_person_nothing_of_why():
    error = LdapRefusedError("the directory has no such entry")
    assert (error.message, error.hint) == ("wrong user name or password", None)
    assert error.reason == "the directory has no such entry"
    assert error.code == "denied"
