"""From a request to a certificate.

A *profile* says what a certificate of one kind may be; *rules* narrow it for some people or
machines, with *templates* for alternative names. The *issuer* checks a request, has it *linted*
under a throw-away key, and hands it to the *issuance* queue, where many share one commit.
"""
