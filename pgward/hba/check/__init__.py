"""What is wrong, or risky, in a server's configuration, by rules with ids that stay.

Vocabulary:

rule      what is looked for: an id such as ``HBA010``, why it matters, a bad and a good example
subject   a server's files as they were read, with what could not be
finding   one place where a rule is broken
ignore    a comment in the file that says of a finding why it is meant so

Pure. The rules are in ``rules``, one module for each topic; ``catalogue`` has them all.
"""
