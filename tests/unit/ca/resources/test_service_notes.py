from tests.fixtures.aware_services import aware

POLICY = {
    "kind": "Policy",
    "metadata": {"name": "office-hours"},
    "spec": {"rules": [{"name": "all", "effect": "ALLOW", "condition": "true"}]},
}


def test_policies_that_do_not_exist_are_told_of(admin):
    admin.call("PUT", "/v1/resources/policy/office-hours", POLICY)
    body = aware({"policies": ["office-hours", "ofice-hours", "gone"]})
    assert admin.call("PUT", "/v1/resources/service/orders", body).json()["notes"] == [
        "there is no policy 'ofice-hours', so nobody may connect; did you mean 'office-hours'?",
        "there is no policy 'gone', so nobody may connect",
    ]
