"""What Prometheus is told of an edge.

board    numbers in memory that all workers share, a pane for each
meter    counts what happens in one worker, on its pane
report   all of it as text, with what the edge's files say
"""
