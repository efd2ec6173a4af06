"""The measures: each takes a lab and leaves samples in it."""

from collections.abc import Callable

from bench.lab import Lab
from bench.measures.aware import measure_aware
from bench.measures.connects import measure_connects
from bench.measures.copies import measure_copies
from bench.measures.cpu import measure_cpu
from bench.measures.delay import measure_delay
from bench.measures.memory import measure_memory
from bench.measures.throughput import measure_throughput

MEASURES: dict[str, Callable[[Lab], None]] = {
    "pgbench": measure_throughput,
    "connect": measure_connects,
    "copy": measure_copies,
    "cpu": measure_cpu,
    "memory": measure_memory,
    "delay": measure_delay,
    "aware": measure_aware,
}
