import pytest

from pgward.ca.service.app import transport
from pgward.ca.settings import CaSettings, LoginSettings, Settings


@pytest.mark.parametrize(
    ("url", "page_url", "kept"),
    [
        ("https://ca.example.com:8443", "", True),
        ("https://localhost:8443", "", False),
        ("https://ca.localhost", "", False),
        ("https://10.0.0.7", "", False),
        ("https://10.0.0.7", "https://login.example.com", True),
    ],
)
def test_browsers_are_kept_at_tls_at_names_that_are_ours(url, page_url, kept):
    settings = Settings(ca=CaSettings(url=url), login=LoginSettings(page_url=page_url))
    assert transport(settings) == (
        {"strict-transport-security": "max-age=31536000"} if kept else {}
    )


def test_the_description_is_complete_and_served_without_any_page(api):
    schema = api.call("GET", "/v1/openapi.json").json()
    operations = [
        (path, method, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(ids) == len(set(ids))
    for path, method, operation in operations:
        assert operation["tags"], (path, method)
        assert operation["summary"], (path, method)
        assert operation["description"], (path, method)
        if not path.startswith("/v1/"):
            continue
        wrong = operation["responses"]["422"]["content"]["application/json"]["schema"]
        assert wrong == {"$ref": "#/components/schemas/ErrorBody"}
    for page in ("/docs", "/redoc", "/openapi.json"):
        assert api.call("GET", page).status_code == 404
