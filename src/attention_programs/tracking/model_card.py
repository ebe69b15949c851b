"""How well the surrogate that gets registered does, and whether that earns it the alias."""

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
    """Accuracy of the surrogate at one task, with its 95 % interval and that of guessing."""

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
    """Of perplexity over the original model, in percent, with its 95 % interval."""
    increase_low: float
    increase_high: float
    held: GateMeasurement
    """The same on validation texts, where the gate is held."""
    limit: float
    """Highest increase that passes the gate, in percent."""
    tasks: tuple[TaskAccuracy, ...]

    @property
    def passed(self) -> bool:
        """Whether the gate is passed."""
        return self.held.passes(self.limit)

    @property
    def gate(self) -> str:
        """The verdict and its reason."""
        return self.held.verdict(self.limit)

    @property
    def description(self) -> str:
        """The surrogate in plain words."""
        share = f"{self.percent} % of those selected, the ones {RANKINGS[self.ranking].heads}"
        interval = _interval(self.increase_low, self.increase_high, 2)
        lines = [
            f"{self.heads_replaced} attention heads ({share}) are replaced by programs.",
            f"Test perplexity is {self.perplexity:.2f} per token over {self.tokens} tokens.",
            f"That is {self.increase:.2f} % above the original model's ({interval}).",
        ]
        for task in self.tasks:
            interval = _interval(task.low, task.high, 3)
            lines.append(f"Accuracy at {task.task}: {task.accuracy:.3f} ({interval}; guessing {task.chance:.2f}).")
        if not self.tasks:
            lines.append("No questions were asked of it.")
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
            "surrogate/perplexity": self.perplexity,
            "surrogate/perplexity_increase": self.increase,
            **{f"surrogate/qa/{task.task}": task.accuracy for task in self.tasks},
        }


def _interval(low: float, high: float, digits: int) -> str:
    """An interval in words; too few texts have none."""
    known = math.isfinite(low) and math.isfinite(high)
    return f"95 % interval {low:.{digits}f} to {high:.{digits}f}" if known else "too few texts for an interval"


def read_validation(config: Config, paths: Paths, specification: SurrogateSpecification) -> Validation:
    """Finds the surrogate's rows in the tables of results.

    Raises:
        UserError: if the surrogate replaces another share than the gate asks for, or perplexity was not measured there.
    """
    percent = config.tracking.gate_percent
    if specification.percent != percent:
        raise UserError(
            f"{paths.data}: the surrogate replaces {specification.percent} % of heads and tracking.gate_percent is "
            f"{percent}; run `dvc repro`"
        )
    table = read_csv(paths.results / "perplexity.csv")
    here = (
        (table["programs"] == DISTILLED) & (table["ranking"] == specification.ranking) & (table["percent"] == percent)
    )
    if here.sum() != 1:
        raise UserError(
            f"{paths.results / 'perplexity.csv'} holds {here.sum()} rows for distilled programs, order "
            f"{specification.ranking!r} and {percent} %; run `dvc repro`"
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
