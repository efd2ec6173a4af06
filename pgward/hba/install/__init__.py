"""A change of a server: material and blocks, step by step behind a journal, or put back."""
