import ast
import json
import re
import shlex
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgward.client.config import quoting
from pgward.system.safe_text import UNSAFE

TEXTS = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda t: not UNSAFE.search(t))


@given(TEXTS)
def test_a_shell_reads_one_word(text):
    assert shlex.split(quoting.shell(text)) == [text]


@given(TEXTS)
def test_double_quotes_are_json_and_python(text):
    quoted = quoting.double(text)
    assert (json.loads(quoted), ast.literal_eval(quoted)) == (text, text)


@given(TEXTS)
def test_single_quotes_end_where_the_text_ends(text):
    quoted = quoting.single(text)
    inside = re.fullmatch(r"'((?:[^'\\]|\\['\\])*)'", quoted, re.DOTALL)
    assert inside is not None
    assert re.sub(r"\\(['\\])", r"\1", inside[1]) == text


@given(TEXTS)
def test_a_url_has_none_of_its_own_marks(text):
    quoted = quoting.url(text)
    assert unquote(quoted) == text
    assert not set(quoted) & set("?&=+#/@: ")


@given(TEXTS.filter(lambda t: "\ufffe" not in t and "\uffff" not in t))
def test_xml_reads_the_value_back(text):
    assert ET.fromstring(f"<p v={quoting.xml(text)}/>").get("v") == text


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("a b", '"a b"'),
        ("a;Host=evil", '"a;Host=evil"'),
        ('a"b', '"a""b"'),
        ("a'b", '"a\'b"'),
        ("C:\\x", "C:\\x"),
    ],
)
def test_ado_net(text, quoted):
    assert quoting.ado(text) == quoted
