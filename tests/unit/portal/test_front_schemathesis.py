"""schemathesis makes up what is sent to every page, by a description that is made of their forms.

``N`` in the environment is how often each page is asked; a failure shows the request.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from pgward.portal.pages import requests
from tests.fixtures import page_routes
from tests.fixtures.page_forms import Sender, discovered
from tests.fixtures.page_routes import PageAt
from tests.fixtures.web_person import WebPerson

pytestmark = [pytest.mark.soak, pytest.mark.filterwarnings("ignore")]
_FORM = "application/x-www-form-urlencoded"
_QUIET = settings(
    max_examples=int(os.environ.get("N", "30")),
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def described(
    pages: Iterable[PageAt], bodies: Mapping[str, dict[str, Any]], known: Mapping[str, str]
) -> dict[str, Any]:
    """Return an OpenAPI description; paths name what there is, or what could be."""
    paths: dict[str, Any] = {}
    for page in pages:
        operation: dict[str, Any] = {"responses": {"200": {"description": "a page"}}}
        operation["parameters"] = [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": {"enum": [known.get(name, nobody), nobody]},
            }
            for name, nobody in page.nothing.items()
        ] + [{"name": each, "in": "query", "schema": {"type": "string"}} for each in page.queries]
        if str(page) in bodies:
            operation["requestBody"] = {"content": {_FORM: {"schema": bodies[str(page)]}}}
        paths.setdefault(page.path, {})[page.method.lower()] = operation
    return {"openapi": "3.1.0", "info": {"title": "pages", "version": "1"}, "paths": paths}


def plain(body: Any) -> dict[str, Any]:
    """Return a body as a form has it: texts, and several of them under one name."""
    if not isinstance(body, dict):
        return {}
    return {
        name: [str(each) for each in value] if isinstance(value, list) else str(value)
        for name, value in body.items()
        if name != "csrf"
    }


def test_nothing_that_could_be_sent_makes_a_page_fail(app, portal_world, monkeypatch):
    import schemathesis  # noqa: PLC0415 - slow, and for the long run only

    page_routes.without_limits(app)
    monkeypatch.setattr(requests, "_PLAN_SECONDS", 0.0)
    pages = [each for each in page_routes.every(app) if each.is_page and "path}" not in each.path]
    web = WebPerson(app)
    adam = Sender(web, "adam")
    models = list(discovered(pages, adam, monkeypatch))
    bodies = {str(page): model.model_json_schema() for page, model in models}
    schema = schemathesis.openapi.from_dict(described(pages, bodies, portal_world.known))
    for found in schema.get_all_operations():
        operation = found.ok()

        @given(operation.as_strategy())
        @_QUIET
        def ask(case: Any) -> None:
            path = case.formatted_path
            if case.method == "GET":
                query = {name: str(value) for name, value in (case.query or {}).items()}
                answer = web.client.get(path, params=query, follow_redirects=False)
            else:
                answer = adam.send(path, plain(case.body))
            assert answer.status_code < 500, (case.method, path, case.query, case.body)

        ask()
