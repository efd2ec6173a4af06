import re

from pgward.portal.pages import design
from pgward.portal.web import assets


def test_every_part_is_shown(web, api):
    api.add("alice")
    page = web.sign_in("alice").open("/design")
    assert page.status == 200
    for macro in ("badge good", 'class="tile', 'class="confirm', 'class="copy', 'class="steps'):
        assert macro in page.answer.text


def test_the_colours_are_those_of_the_style_sheet():
    sheet = assets.every()["portal.css"].content.decode()
    tokens = re.findall(r"^  --([a-z-]+): #", sheet.partition("@media")[0], re.MULTILINE)
    assert set(design.COLOURS) == {each for each in tokens if each != "shadow"}
    for each in design.COLOURS:
        assert f".swatches .is-{each} > span {{ background: var(--{each}); }}" in sheet
