"""What servers hold, as their connectors told: taken in by pieces, and searched.

Vocabulary: a **scan** is one look at a server; a **piece** is some of what it found, known by its
hash; what stands in the list of pieces of the newest scan is **live**.
"""
