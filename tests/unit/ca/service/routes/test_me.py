def test_logging_out_without_a_certificate(alice):
    assert alice.call("POST", "/v1/logout").json() == {"revoked": 0}
