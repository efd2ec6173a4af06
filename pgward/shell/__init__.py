"""What a shell needs of ``pgward``: completion of words, and manual pages."""
