import pytest

from pgward.core.errors import UnavailableError
from pgward.doctor.refusals import of_refusal
from pgward.tunnel.preface import Reason, RefusedError


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.DENIED, 3),
        (Reason.BLOCKED, 3),
        (Reason.REVOKED, 3),
        (Reason.EXPIRED, 4),
        (Reason.UNREACHABLE, 1),
        (Reason.STALE, 1),
        (Reason.LIMIT, 1),
        (Reason.STOPPING, 1),
    ],
)
def test_only_what_is_about_the_person_is_a_denial(reason, code):
    found = of_refusal("edge", RefusedError(reason))
    assert (found.exit_code, found.what) == (code, RefusedError(reason).message)


def test_a_tls_alert_is_translated():
    found = of_refusal("edge", UnavailableError("no connection"), "tlsv1 alert unknown ca")
    assert "trusts another CA" in found.why
