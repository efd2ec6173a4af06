"""The agent: one process per person that holds tunnels, renews, and tells when a login ends.

``protocol`` is what is said on its socket, ``client`` asks and ``server`` answers; ``quick`` is
``pgward psql`` without the weight of the other commands. ``desk`` is the login session and its
certificate, ``keeper`` the tunnels, ``memory`` which of them are opened again at the next start,
``installed`` which of them programs expect;
``notices`` says when a person must hear of something, ``notify`` how. ``process`` joins them.
``top`` shows it all.
``systemd``, ``launchd`` and ``windows`` write what starts it at login, ``install`` puts it there.
"""
