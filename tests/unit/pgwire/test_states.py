"""The tables of which message is answered by what."""

from pgward.pgwire import backend, frontend, states


def test_all_that_a_frontend_says_has_a_longest_length():
    said = {
        *(frontend.QUERY, frontend.PARSE, frontend.BIND, frontend.DESCRIBE, frontend.EXECUTE),
        *(frontend.CLOSE, frontend.SYNC, frontend.FLUSH, frontend.FUNCTION_CALL),
        *(frontend.COPY_DATA, frontend.COPY_DONE, frontend.COPY_FAIL, frontend.TERMINATE),
    }
    assert bytes(sorted(states.MOST_LENGTH)) == b"".join(sorted(said))


def test_each_message_of_a_frontend_is_answered_or_not():
    answered = states.ENDS.keys() | states.UNANSWERED | states.COPY_ENDS
    assert answered == states.MOST_LENGTH.keys()
    assert not states.ENDS.keys() & states.UNANSWERED


def test_all_that_a_backend_says_after_the_login_is_known():
    login = {backend.AUTHENTICATION, backend.KEY_DATA, backend.NEGOTIATE}
    kinds = {
        value
        for name, value in vars(backend).items()
        if name.isupper() and isinstance(value, bytes) and name not in ("IDLE", "FAILED")
        if name != "IN_TRANSACTION"
    }
    known = {bytes([kind]) for kind in states.UNTAPED | states.ENDING}
    assert known == kinds - login | {backend.COPY_DATA, b"c"}
    assert not states.UNTAPED & states.ENDING


def test_what_readyforquery_answers_is_what_ends_by_it():
    ends = {kind for kind, by in states.ENDS.items() if states.READY in by}
    assert ends == states.READY_ENDS
