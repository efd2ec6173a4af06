from pgward.portal.web import headers


def test_a_page_runs_its_own_scripts_only_and_stands_in_no_frame():
    policy = dict(
        each.split(" ", 1) for each in headers.PAGE["Content-Security-Policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert "unsafe" not in headers.PAGE["Content-Security-Policy"]
    assert headers.PAGE["X-Frame-Options"] == "DENY"
    assert headers.PAGE["Cache-Control"] == "no-store"
    assert headers.PAGE["Referrer-Policy"] == "same-origin"
