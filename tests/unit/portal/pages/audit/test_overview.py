def test_an_auditor_sees_the_overview(web, api):
    api.add("otto", "auditors")
    assert "Audit" in web.sign_in("otto").open("/audit").text
