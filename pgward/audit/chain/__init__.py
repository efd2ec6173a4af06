"""Records of an edge as a hash chain, so that nobody can change, leave out or add one unseen.

A **line** is a record as JSON, with its number in the chain (``seq``, from 1) in front and the
hash over the line before and itself at the end. A **head** says how far a chain goes: its
identifier, the last number, the last hash. A **chunk** is some lines that follow each other,
compressed with zstd; its **manifest**, signed by the edge's machine key, says where in the chain
it stands and whom it is about.
"""
