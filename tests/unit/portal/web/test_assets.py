import re

import pytest

from pgward.core.errors import NotFoundError
from pgward.portal.web import assets


def test_the_name_of_an_asset_tells_what_is_in_it():
    found = assets.every()
    assert {"icon.svg", "portal.css", "portal.js", "passkey.js"} <= set(found)
    for name, each in found.items():
        stem, suffix = name.split(".")
        assert re.fullmatch(rf"/static/{stem}\.[0-9a-f]{{16}}\.{suffix}", each.path)
        assert assets.find(each.path) is each


@pytest.mark.parametrize("path", ["/static/page.css", "/static/../assets.py", "/static/", ""])
def test_there_is_nothing_else(path):
    with pytest.raises(NotFoundError):
        assets.find(path)


def test_a_script_finds_what_it_takes_from_another():
    text = assets.every()["question.js"].content.decode()
    assert f'from "{assets.path_of("webauthn.js")}"' in text


def test_scripts_and_styles_reach_for_nothing_elsewhere():
    for each in assets.every().values():
        text = each.content.decode()
        for word in ("http://", "https://", "innerHTML", "eval(", "@import", "url("):
            assert word not in text.replace("http://www.w3.org/2000/svg", ""), each.path


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2, relative luminance)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_every_text_has_the_contrast_of_wcag_aa(theme):
    css = assets.every()["portal.css"].content.decode()
    block = re.findall(r":root \{(.*?)\}", css, re.DOTALL)[theme]
    colour = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    texts = [("text", each) for each in ("ground", "card", "code", "warning", "error", "good")]
    texts += [("quiet", each) for each in ("ground", "card", "field")]
    texts += [(f"{each}-text", each) for each in ("good", "warning", "error")]
    texts += [("error-text", "card"), ("accent", "card"), ("accent", "ground")]
    texts += [("on-accent", "accent"), ("on-accent", "accent-hover"), ("text", "field")]
    for text, ground in texts:
        assert contrast(colour[text], colour[ground]) >= 4.5, (text, ground)
    # What is no text but must be seen: 3 to 1 (section 1.4.11).
    for line, ground in [("field-line", "card"), ("accent", "card"), ("accent", "ground")]:
        assert contrast(colour[line], colour[ground]) >= 3, (line, ground)
