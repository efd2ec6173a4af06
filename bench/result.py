"""A run's result, and its raw form, results.json."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from bench.samples import Metric, Sample, Samples


@dataclass(frozen=True, slots=True)
class Result:
    """Everything that the report is made of; ``complete`` runs may stand as the record."""

    complete: bool
    machine: dict[str, str]
    plan: dict[str, Any]
    configuration: dict[str, dict[str, str]]
    samples: Samples

    def save(self, path: Path) -> None:
        data = {
            "complete": self.complete,
            "machine": self.machine,
            "plan": self.plan,
            "configuration": self.configuration,
            "metrics": [asdict(metric) for metric in self.samples.metrics.values()],
            "samples": [asdict(sample) for sample in self.samples.rows],
        }
        path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote; raises OSError, ValueError, KeyError or TypeError."""
        data = json.loads(path.read_text(encoding="utf-8"))
        metrics = [Metric(**metric) for metric in data["metrics"]]
        samples = Samples(
            {metric.key: metric for metric in metrics},
            [Sample(**sample) for sample in data["samples"]],
        )
        named = {name: data[name] for name in ("complete", "machine", "plan", "configuration")}
        return cls(samples=samples, **named)
