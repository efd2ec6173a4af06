import json
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest

from pgward.client.config.formats import jvm
from tests.fixtures.golden_configs import FACTS, TUNNEL

EACH = pytest.mark.parametrize("facts", FACTS.values(), ids=FACTS)


@EACH
def test_a_url_has_every_property_once(facts):
    parts = urlsplit(jvm.jdbc(facts).removeprefix("jdbc:"))
    found = parse_qs(parts.query, strict_parsing=True)
    assert found == {key: [value] for key, value in jvm.properties(facts).items()}
    assert unquote(parts.path) == f"/{facts.database}"


@EACH
def test_dbeaver_and_datagrip_give_the_driver_the_same(facts):
    (source,) = json.loads(jvm.dbeaver(facts))["connections"].values()
    text = jvm.datagrip(facts).partition("#BEGIN#")[2].partition("#END#")[0]
    found = ET.fromstring(text.strip())
    pasted = {each.get("name"): each.get("value") for each in found.iter("property")}
    wanted = {key: value for key, value in jvm.properties(facts).items() if key != "user"}
    assert source["configuration"]["properties"] == pasted == wanted
    assert found.get("name") == source["name"] == "prod-db"


def test_a_data_source_is_the_same_one_each_time():
    assert jvm.datagrip(TUNNEL) == jvm.datagrip(TUNNEL)


@pytest.mark.parametrize(
    ("title", "mode"),
    [
        ("tunnel", "verify-ca"),
        ("native", "verify-full"),
        ("verify-ca", "verify-ca"),
        ("require", "require"),
        ("disable", "disable"),
    ],
)
def test_the_strictest_mode_that_works(title, mode):
    assert jvm.sslmode(FACTS[title]) == mode
