import re

import pytest
from jinja2 import UndefinedError

from pgward.core.errors import DeniedError
from pgward.portal.web import templates


def test_values_are_escaped():
    page = templates.render("problem.html", name="<b>Acme", error=DeniedError("<script>x"))
    assert "&lt;b&gt;Acme" in page
    assert "<script" not in page


def test_a_missing_value_is_an_error():
    with pytest.raises(UndefinedError):
        templates.render("problem.html", name="Acme")


def test_no_template_has_an_inline_script_or_style():
    for each in templates.DIRECTORY.rglob("*.html"):
        text = each.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+=|\sstyle=|\|\s*safe", text)
