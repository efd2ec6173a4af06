from pgward.ca.login.confirming.question import EndedError


def test_why_a_login_ended_may_be_for_the_audit_log_alone():
    error = EndedError("not any more", why="the account is disabled")
    assert (error.message, error.why) == ("not any more", "the account is disabled")
    assert EndedError("over").why == "over"
