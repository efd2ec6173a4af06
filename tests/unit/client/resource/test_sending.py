import json

import pytest

from pgward.client.failures import FieldsError
from pgward.client.manifest import Document, ManifestError
from pgward.client.resource import sending
from pgward.core.errors import InvalidInputError, UnavailableError


def document(name, text=""):
    value = {"kind": "Service", "metadata": {"name": name}, "spec": {"database": text}}
    return Document("f.yaml", value, 1, {"spec.database": 4})


def sizes(batches):
    return [(len(each.documents), len(each.deletions)) for each in batches]


def test_a_batch_is_no_longer_than_the_authority_takes():
    many = [document(f"s{number}") for number in range(1001)]
    assert sizes(sending.batches(many)) == [(1000, 0), (1, 0)]
    long = [document(f"s{number}", "ü" * 100_000) for number in range(9)]
    found = sending.batches(long)
    assert sizes(found) == [(4, 0), (4, 0), (1, 0)]
    for batch in found:
        assert len(json.dumps(batch.body(), ensure_ascii=False).encode()) < 1024 * 1024


def test_deletions_go_with_the_last_and_behind_it():
    gone = [{"kind": "Service", "name": f"s{number}"} for number in range(1500)]
    assert sizes(sending.batches([document("a")], gone)) == [(1, 1000), (0, 500)]
    assert sizes(sending.batches([], gone[:1])) == [(0, 1)]


class FakeApi:
    """Answers requests in turn, and keeps them."""

    def __init__(self, *answers):
        self.answers, self.sent = list(answers), []

    def post(self, _path, body):
        self.sent.append(body)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"changes": [{"change": each} for each in answer]}


TWO = [sending.Batch([document("a")]), sending.Batch([document("b")], [{"kind": "X", "name": "x"}])]


def test_several_batches_are_all_checked_before_the_first_is_written():
    api = FakeApi(["created"], ["created", "deleted"], ["created"], ["created", "deleted"])
    found = sending.apply(api, TWO, {"reason": "r"}, dry_run=False)
    assert [each["change"] for each in found] == ["created", "created", "deleted"]
    assert [each.get("dry_run", False) for each in api.sent] == [True, True, False, False]


def refused(path="resources[0].spec.database"):
    return FieldsError("wrong", ((path, "is wrong"),))


def test_what_is_wrong_in_any_batch_is_told_of_all():
    api = FakeApi(refused(), refused("delete[0].metadata.name"))
    with pytest.raises(ManifestError) as told:
        sending.apply(api, TWO, {}, dry_run=False)
    assert told.value.problems == ("f.yaml:4: spec.database: is wrong", "X x: is wrong")
    assert (told.value.hint, len(api.sent)) == ("nothing was changed", 2)


def test_a_failure_half_way_says_what_was_applied(capsys):
    answers = [["created"], ["created", "deleted"], ["created"], UnavailableError("away")]
    with pytest.raises(UnavailableError):
        sending.apply(FakeApi(*answers), TWO, {}, dry_run=False)
    assert capsys.readouterr().err == "applied before the failure: the first 1\n"


@pytest.mark.parametrize("path", ["resources", "resources[7].spec", "delete[9].kind", "reason"])
def test_a_field_that_is_of_no_document_is_told_as_it_is(path):
    with pytest.raises(ManifestError, match="is wrong"):
        sending.apply(FakeApi(refused(path)), TWO[:1], {}, dry_run=False)


def test_what_is_to_be_pruned_is_what_no_document_names():
    listed = [
        {"kind": "Service", "metadata": {"name": name, "version": 4}, "spec": {}} for name in "ab"
    ]

    class Listing:
        def get(self, path):
            assert path == "/v1/resources/services"
            return {"resources": listed}

    found = sending.unnamed(Listing(), [document("a")], ["services", "services"])
    assert found == [{"kind": "Service", "name": "b", "version": 4}]


def test_people_are_never_pruned():
    class Listing:
        def get(self, _path):
            return {"resources": [{"kind": "User", "metadata": {"name": "ann", "version": 1}}]}

    with pytest.raises(InvalidInputError, match="users cannot be pruned"):
        sending.unnamed(Listing(), [], ["users"])
