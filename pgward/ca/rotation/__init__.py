"""Replacing a CA while everyone keeps access.

A *rotation* replaces a *target*: an issuing CA, or a root together with the issuing CA below it.
It goes through *phases*, and leaves one only when everything that must is *seen* to be ready:

    trust-both  ->  issue-new  ->  trust-new  ->  done

- ``trust-both``: the new CA is trusted everywhere, and nobody issues from it.
- ``issue-new``: it issues; what the old one issued still counts.
- ``trust-new``: the old one is trusted no more; nobody holds a certificate of it by then.

A machine shows by a *probe* that it trusts the new CA, and *reports* what came of it. Who has not
yet is a *laggard*, and so is a *replica* of the CA that has not the new key.
"""
