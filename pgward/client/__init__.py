"""What runs on the machine of a person, and of an edge or PostgreSQL host, towards the CA.

* **home**: the directory with all of a person's files (``PGWARD_HOME``).
* **trust**: the CA's URL and the server root that a person pinned by its fingerprint.
* **identity**: certificate, key and CA bundle of one login, in an immutable *generation*
  directory; the symlink ``identity/current`` names the one in use and is swapped atomically.
* **session**: a person's login session; renews the certificate while it lives.
* **machine**: the same for an edge or a PostgreSQL host, enrolled with a join token.
* **spool**: a machine's audit events on disk until the CA has them; **claims** says which process
  a spool's files are of.
* **secrets**: what a machine logs in to PostgreSQL with: from the CA, files, Vault and others.
"""
