"""The checks, one file each: ``look(patient)`` gives a finding, or None for nothing to look at."""
