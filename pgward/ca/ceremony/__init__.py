"""How a CA directory comes to be: whole, or not at all, and on record.

``init`` makes one. A *transcript* says what was made, by whom and where; ``check`` compares it
with what is there. A *subordinate* CA writes *requests* that a company's root signs, and
``importing`` takes in what it signed.
"""
