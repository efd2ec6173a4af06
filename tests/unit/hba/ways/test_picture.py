import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pgward.core.errors import InvalidInputError
from pgward.hba.decide.connection import World
from pgward.hba.ways import picture
from pgward.hba.ways.finding import find
from pgward.hba.ways.population import Person, of_server
from pgward.hba.ways.report import Report
from tests.fixtures import chromium
from tests.fixtures.hba_ways import server_of

HOSTILE = [
    "<b>&\"'",
    "]]>",
    "a\x1b[31m\x00b",
    "\u202eevil",
    "\udcff",
    "\uffff",
    "w" * 80,
    "名前" * 20,
]
HBA = [
    "local all all peer",
    "host shop all 10.0.0.0/8 trust",
    "hostssl shop all all scram-sha-256 clientcert=verify-ca",
    "hostssl hr ann all scram-sha-256 clientcert=verify-full",
    "host hr all 10.1.0.0/16 md5",
]


def drawn(names: list[str], databases: list[str]) -> str:
    world = World({name: frozenset() for name in names})
    server = server_of(HBA, [], 16, world)
    asked = of_server([Person(n, n) for n in names], databases, world, replication=False)
    found = find(server, asked)
    return picture.draw(Report(found, [f"hba:{n}" for n in range(1, 6)]), found, 16)


def texts(svg: str) -> list[str]:
    return [each.text or "" for each in ET.fromstring(svg).iter() if each.text]


def test_it_is_whole_and_says_what_it_shows() -> None:
    svg = drawn(["ann", "bob", "carl"], ["shop", "hr", "x"])
    root = ET.fromstring(svg)
    names = root.get("aria-labelledby").split()
    assert [each.get("id") for each in list(root)[:2]] == names
    assert "nothing: ann into shop" in root[1].text
    assert "Ways into PostgreSQL 16" in texts(svg)
    assert "and 1 more" in texts(svg)  # bob and carl are alike
    assert any(
        "network with TLS: nothing from 10.0.0.0/8 (hba:2) to" in each for each in texts(svg)
    )
    assert "prefers-color-scheme: dark" in svg
    # Nothing is loaded from anywhere, and nothing runs.
    assert set(re.findall(r"https?://[^\"]+", svg)) == {"http://www.w3.org/2000/svg"}
    assert "<script" not in svg


def test_no_name_breaks_out() -> None:
    svg = drawn(HOSTILE, ["shop", "<i>"])
    said = " ".join(texts(svg))
    assert "<b>&\"'" in said
    assert "\\x1b[31m" in said
    assert "\\u202eevil" in said
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ufffe\uffff]", said.replace("\n", " "))
    svg.encode()


def test_a_sign_and_a_word_beside_each_colour() -> None:
    root = ET.fromstring(drawn(["ann"], ["shop", "hr"]))
    fields = [each for each in root.iter() if (each.get("class") or "").startswith("field")]
    assert fields
    for field in fields:
        kinds = [each.tag.rpartition("}")[2] for each in field]
        assert "path" in kinds
        assert "text" in kinds or field.get("class") == "field none"


def test_what_is_too_large_is_not_drawn() -> None:
    names = [f"r{number}" for number in range(60)]
    world = World({name: frozenset() for name in names})
    lines = [f"host d{n} r{n} all {'md5' if n % 2 else 'trust'}" for n in range(60)]
    server = server_of(lines, [], 16, world)
    places = [f"d{number}" for number in range(60)]
    asked = of_server([Person(n, n) for n in names], places, world, replication=False)
    found = find(server, asked)
    with pytest.raises(InvalidInputError, match="60 different roles by 60 databases"):
        picture.draw(Report(found, lines), found, 16)


@pytest.mark.soak
def test_words_stay_in_their_fields(tmp_path: Path) -> None:
    path = tmp_path / "ways.svg"
    path.write_text(drawn(["ann", *HOSTILE], ["shop", "hr"]), encoding="utf-8")
    with chromium.opened(tmp_path / "browser") as context:
        page = context.new_page()
        page.goto(path.as_uri())
        outside = page.evaluate(
            """[...document.querySelectorAll('.field')].filter(field => {
                const box = field.querySelector('rect').getBBox();
                return [...field.querySelectorAll('text')].some(text => {
                  const words = text.getBBox();
                  return words.x + words.width > box.x + box.width;
                });
            }).map(field => field.textContent)"""
        )
    assert outside == []
