"""What is wanted of a server, and the lines that it becomes.

Pure. ``model`` says what is wanted, ``generate`` writes the fragments of one version, ``block``
puts them between marks into a file, ``lint`` looks at the lines around them.
"""
