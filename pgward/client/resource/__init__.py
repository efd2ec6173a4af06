"""Resources as an administrator handles them: sent in batches, shown, compared, edited, exported.

The words: a *batch* is what one request carries, and is applied whole or not at all; a *diff* is
between what is stored and what would be; what the authority itself writes (version, times, names)
is no part of either.
"""
