"""Before a certificate is renewed: the provider is asked whether it stands by the person still.

What it says ends the session or changes groups at once. When it cannot be asked, renewals go on
until it has confirmed nothing for ``refreshGraceMinutes``. A *confirmer* knows one type of
provider; a *question* is what it would ask about one login session. ``question`` says what both
are, ``confirmations`` asks in time, with patience and within bounds.
"""
