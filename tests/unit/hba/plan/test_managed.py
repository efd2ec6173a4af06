import re
from pathlib import Path

import pytest

from pgward.hba.plan.managed import CHECKED, INSTEAD, NAMES, SERVICES, SQL, common, find, text

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "managed.md"


def test_each_is_found_by_its_name() -> None:
    assert (
        *("rds", "aurora", "cloudsql", "alloydb", "azure", "supabase", "neon", "crunchy"),
        *("aiven", "apsaradb"),
    ) == NAMES
    assert [find(name) for name in NAMES] == list(SERVICES)


@pytest.mark.parametrize("service", SERVICES, ids=NAMES)
def test_each_says_what_it_cannot_and_what_it_has(service) -> None:
    said = text(service)
    assert service.cannot
    assert any("pg_hba.conf" in each.text for each in service.cannot)
    for parameter in service.parameters:
        assert f"- `{parameter.name} = {parameter.value}`: {parameter.why} " in said
    assert len({parameter.name for parameter in service.parameters}) == len(service.parameters)
    assert "\n\n\n" not in said


@pytest.mark.parametrize("service", SERVICES, ids=NAMES)
def test_each_fact_names_its_page_or_is_not_confirmed(service) -> None:
    said = text(service)
    assert service.sources
    assert all(page.startswith("https://") for page in service.sources)
    facts = (*service.parameters, *service.cannot, *service.own)
    for fact in facts:
        number = service.sources.index(fact.source) + 1 if fact.source else None
        end = "(not confirmed)" if number is None else f"[{number}]"
        assert f"- {fact} {end}\n" in said
    for number, page in enumerate(service.sources, start=1):
        assert f"[{number}] <{page}>  \n" in said


def test_what_no_service_needs_stands_nowhere() -> None:
    everything = common() + "".join(map(text, SERVICES))
    assert re.search(r"password\s*'[^']*'", everything) is None


def test_as_data() -> None:
    data = find("rds").to_json()
    assert data["parameters"][0]["name"] == "rds.force_ssl"
    assert data["cannot"][0]["source"] in find("rds").sources
    assert (data["sql"], data["instead"]) == (list(SQL), list(INSTEAD))
    assert data["checked"] == CHECKED


def test_the_page_says_the_same() -> None:
    page = PAGE.read_text()
    missing = [each.name for each in SERVICES if text(each) not in page]
    assert f"read in {CHECKED}" in page
    assert missing == []
    assert common() in page
