"""The auditor as a process of its own; its standard input is the life line."""

import sys

from pgward.tunnel.edge.auditor.process import main

sys.exit(main())
