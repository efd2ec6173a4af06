import re
from pathlib import Path

import pytest

from pgward.hba.plan.managed import INSTEAD, NAMES, SERVICES, SQL, WRITTEN, common, find, text

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "managed.md"


def test_each_is_found_by_its_name() -> None:
    assert NAMES == ("rds", "aurora", "cloudsql", "azure", "supabase", "neon", "crunchy", "aiven")
    assert [find(name) for name in NAMES] == list(SERVICES)


@pytest.mark.parametrize("service", SERVICES, ids=NAMES)
def test_each_says_what_it_cannot_and_what_it_has(service) -> None:
    said = text(service)
    assert service.cannot
    assert any("pg_hba.conf" in each for each in service.cannot)
    assert service.url.startswith("https://")
    for parameter in service.parameters:
        assert f"- `{parameter.name} = {parameter.value}`: {parameter.why}\n" in said
    assert len({parameter.name for parameter in service.parameters}) == len(service.parameters)
    assert "\n\n\n" not in said


def test_what_no_service_needs_stands_nowhere() -> None:
    everything = common() + "".join(map(text, SERVICES))
    assert re.search(r"password\s*'[^']*'", everything) is None


def test_as_data() -> None:
    data = find("rds").to_json()
    assert data["parameters"][0]["name"] == "rds.force_ssl"
    assert (data["sql"], data["instead"]) == (list(SQL), list(INSTEAD))
    assert data["written"] == WRITTEN


def test_the_page_says_the_same() -> None:
    page = PAGE.read_text()
    missing = [each.name for each in SERVICES if text(each) not in page]
    assert missing == []
    assert common() in page
