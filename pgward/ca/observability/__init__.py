"""What the authority shows to operators: health, logs, metrics and traces.

Code that has something to tell calls `pgward.ca.observe`; what listens is put together here.
"""
