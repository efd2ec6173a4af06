"""Sessions of ``mode: postgres``, from the client's first byte to the relay that carries them.

entrance   who has come, and by which way: a certificate, a one-time password, a token
landing    as whom and where the session runs in PostgreSQL, and with which parameters
talk       what is said before the relay runs, with a client and with PostgreSQL

``hello`` hears what a client wants, ``entrances`` finds out who it is, ``opening`` joins all up to
the relay, ``live`` is a session that runs.
"""
