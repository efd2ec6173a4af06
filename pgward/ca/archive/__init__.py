"""The archive: what edges put on record of database sessions, kept where nobody changes it.

An edge writes one **chain** of lines at a time; a **chunk** is a piece of it, compressed, with a
**manifest** that the edge signed. Chunks are **objects** in a directory or in an S3 bucket, the
store has an index of them. The **head** of a chain is the last line that the CA has, and a
**gap** is what an edge could not deliver any more.
"""
