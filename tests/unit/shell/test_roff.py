import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pgward.shell import roff


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("--output", r"\-\-output"),
        (r"a\b", r"a\eb"),
        (".TH evil", r"\&.TH evil"),
        ("'evil", r"\(aqevil"),
        ("x\n.so /etc/passwd", "x\n\\&.so /etc/passwd"),
        ("it's `so`", r"it\(aqs \(gaso\(ga"),
        ("SHA256:…", "SHA256:..."),
        ("ü→", r"\[u00FC]\(->"),
        ("a\x1b[2J", "a[2J"),
    ],
)
def test_text_is_shown_as_it_is(text, expected):
    assert roff.escape(text) == expected


def test_an_argument_of_a_macro():
    assert roff.quote('say "x"\nnow') == r'"say \(dqx\(dq now"'


def test_paragraphs_and_lines_that_are_kept():
    assert roff.paragraphs("one\ntwo\n\n\b\nas:\n  it is\n\nthree") == (
        ".PP\none two\n.PP\n.nf\nas:\n  it is\n.fi\n.PP\nthree"
    )


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not here")
@settings(max_examples=10)
@given(st.text(max_size=200))
def test_no_text_is_a_request_of_roff(text):
    page = f".TH x 1\n.SH NAME\n{roff.escape(text)}\n.TP\n.B {roff.quote(text)}\nend\n"
    done = subprocess.run(
        ["groff", "-man", "-U", "-Tutf8", "-z"],
        input=page.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert b"error" not in done.stderr
