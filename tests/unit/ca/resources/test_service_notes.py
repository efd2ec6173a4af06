from tests.fixtures.aware_services import aware

POLICY = {
    "kind": "Policy",
    "metadata": {"name": "office-hours"},
    "spec": {"rules": [{"name": "all", "effect": "ALLOW", "condition": "true"}]},
}


def test_policies_that_do_not_exist_are_told_of(admin):
    admin.call("PUT", "/v1/resources/policy/office-hours", POLICY)
    names = ["office-hours", "ofice-hours", "gone"]
    body = aware({"auth": {"none": True}, "policies": names})
    assert admin.call("PUT", "/v1/resources/service/orders", body).json()["notes"] == [
        "there is no policy 'ofice-hours', so nobody may connect; did you mean 'office-hours'?",
        "there is no policy 'gone', so nobody may connect",
    ]


def test_a_policy_that_a_service_names_stays(admin):
    path = "/v1/resources/policy/office-hours"
    admin.call("PUT", path, POLICY)
    admin.call("PUT", "/v1/resources/service/orders", aware({"policies": ["office-hours"]}))
    answer = admin.call("DELETE", path)
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        409,
        "the policy 'office-hours' is in use: orders",
    )
    assert admin.call("GET", path).status_code == 200
    admin.call("DELETE", "/v1/resources/service/orders")
    assert admin.call("DELETE", path).status_code == 200
