from pgward.hba.login.outcome import Encryption, Outcome, Seen


def test_who_was_let_in() -> None:
    found = {each for each in Outcome if Seen(each).let_in}
    assert found == {Outcome.IN, Outcome.AUTHENTICATED}


def test_what_is_old() -> None:
    assert {each for each in Encryption if each.is_old} == {Encryption.TLS_1_0, Encryption.TLS_1_1}
