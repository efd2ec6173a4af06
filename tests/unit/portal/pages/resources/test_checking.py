"""What would become of a draft."""

import pytest

from pgward.core.errors import ConflictError
from pgward.portal.pages.resources import checking, draft
from pgward.portal.pages.resources.checking import Checked, Target
from tests.fixtures.web_person import WebPerson

PROVIDER = """\
kind: IdentityProvider
metadata: {name: sso}
spec: {type: oidc, issuer: 'https://nowhere.invalid', clientId: pgward}
"""


def test_a_draft_has_a_name_or_one_that_is_none():
    assert checking.name_in(draft.read("metadata: {name: a}")) == "a"
    for text in ("metadata: {name: 3}", "metadata: 3", "a: 1", "a: ["):
        assert checking.name_in(draft.read(text)) == "new"


def test_what_no_field_is_to_blame_for_stands_in_no_line():
    found = checking.problems(draft.read("a: 1"), ConflictError("no; --x", hint="wait"))
    assert [(each.line, each.message) for each in found] == [(0, "no (wait)")]


def test_a_provider_is_not_asked_at_every_letter(web: WebPerson, admin):  # noqa: ARG001
    web.sign_in("root").open("/admin/resources/identityproviders/+new")
    page = web.press("Check", yaml=PROVIDER)
    assert "as far as this can be told without asking the provider" in page.text
    assert "+ issuer: https://nowhere.invalid" in page.text
    web.press("Review")
    assert "untried" in web.page.forms[-1].choices


def test_nothing_is_asked_about_what_cannot_be_read():
    broken = draft.read("a: [")
    coroutine = checking.check(None, Target("Service", None, 0), broken)
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    assert done.value.value == Checked(broken.problems)
