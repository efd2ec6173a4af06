"""Charts as geometry: pure functions from numbers to what `charts.html` draws as SVG.

Each has a title and says in words what it shows; the numbers stand in a table beside it.
"""
