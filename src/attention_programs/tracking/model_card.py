"""How well the surrogate to be registered performs, and whether it earns the alias."""

import math
from dataclasses import dataclass

from attention_programs.config import Config
from attention_programs.errors import UserError
from attention_programs.files import read_csv, records
from attention_programs.paths import Paths
from attention_programs.programs.methods import DISTILLED
from attention_programs.surrogate.gate import GateMeasurement, read_gate
from attention_programs.surrogate.rankings import RANKINGS
from attention_programs.surrogate.specification import SurrogateSpecification


@dataclass(frozen=True)
class TaskAccuracy:
    """Accuracy of the surrogate on one task, with its 95 % interval and the chance level."""

    task: str
    accuracy: float
    low: float
    high: float
    chance: float


@dataclass(frozen=True)
class Validation:
    """Test numbers of the registered surrogate."""

    ranking: str
    percent: int
    heads_replaced: int
    tokens: int
    perplexity: float
    increase: float
    """Perplexity increase over the original model, in percent, with its 95 % interval."""
    increase_low: float
    increase_high: float
    held: GateMeasurement
    """The same on validation texts, which the gate is checked on."""
    limit: float
    """Largest increase that passes the gate, in percent."""
    tasks: tuple[TaskAccuracy, ...]

    @property
    def passed(self) -> bool:
        """Whether the gate is passed."""
        return self.held.passes(self.limit)

    @property
    def gate(self) -> str:
        """The gate's verdict, with its reason."""
        return self.held.verdict(self.limit)

    @property
    def description(self) -> str:
        """The surrogate in plain words."""
        share = f"{self.percent} % of the selected heads, those {RANKINGS[self.ranking].heads}"
        interval = _interval(self.increase_low, self.increase_high, 2)
        lines = [
            f"{self.heads_replaced} attention heads ({share}) are replaced by programs.",
            f"Test perplexity is {self.perplexity:.2f}, measured on {self.tokens} tokens.",
            f"That is {self.increase:.2f} % above the original model's ({interval}).",
        ]
        for task in self.tasks:
            interval = _interval(task.low, task.high, 3)
            lines.append(f"Accuracy on {task.task}: {task.accuracy:.3f} ({interval}; chance {task.chance:.2f}).")
        if not self.tasks:
            lines.append("Question answering was not measured.")
        return "\n".join([*lines, f"Gate {self.gate}."])

    def tags(self) -> dict[str, str]:
        """The numbers as tags of a model version."""
        numbers: dict[str, object] = {
            "ranking": self.ranking,
            "percent": self.percent,
            "heads_replaced": self.heads_replaced,
            "perplexity": self.perplexity,
            "perplexity_increase": self.increase,
            "perplexity_increase_low": self.increase_low,
            "perplexity_increase_high": self.increase_high,
            "gate": self.gate,
        }
        for task in self.tasks:
            name = f"qa/{task.task}"
            numbers |= {name: task.accuracy, f"{name}/low": task.low, f"{name}/high": task.high}
        return {key: str(value) for key, value in numbers.items()}

    def metrics(self) -> dict[str, float]:
        """The numbers as metrics of the registered model."""
        return {
            "surrogate/heads_replaced": self.heads_replaced,
            "surrogate/perplexity": self.perplexity,
            "surrogate/perplexity_increase": self.increase,
            **{f"surrogate/qa/{task.task}": task.accuracy for task in self.tasks},
        }


def _interval(low: float, high: float, digits: int) -> str:
    known = math.isfinite(low) and math.isfinite(high)
    return f"95 % interval {low:.{digits}f} to {high:.{digits}f}" if known else "too few texts for an interval"


def read_validation(config: Config, paths: Paths, specification: SurrogateSpecification) -> Validation:
    """Reads the surrogate's numbers from the result tables.

    Raises:
        UserError: if the surrogate's percentage of heads is not the gate's, or perplexity was not measured for it.
    """
    percent = config.tracking.gate_percent
    if specification.percent != percent:
        raise UserError(
            f"{paths.data}: the surrogate replaces {specification.percent} % of heads, but tracking.gate_percent is "
            f"{percent}; run `dvc repro`"
        )
    table = read_csv(paths.results / "perplexity.csv")
    here = (
        (table["programs"] == DISTILLED) & (table["ranking"] == specification.ranking) & (table["percent"] == percent)
    )
    if here.sum() != 1:
        raise UserError(
            f"{paths.results / 'perplexity.csv'} has {here.sum()} rows for distilled programs, ranking "
            f"{specification.ranking!r} and {percent} %, instead of one; run `dvc repro`"
        )
    row = table[here].iloc[0]
    questions = read_csv(paths.results / "qa.csv")
    return Validation(
        ranking=specification.ranking,
        percent=percent,
        heads_replaced=int(row["heads_replaced"]),
        tokens=int(row["tokens"]),
        perplexity=float(row["perplexity"]),
        increase=float(row["increase"]),
        increase_low=float(row["low"]),
        increase_high=float(row["high"]),
        held=read_gate(paths.results / "gate.json"),
        limit=config.tracking.gate_increase,
        tasks=tuple(
            TaskAccuracy(row.task, row.accuracy, row.low, row.high, row.chance)
            for row in records(questions[questions["percent"] == percent])
        ),
    )
