"""The gate: whether the surrogate to be registered is close enough to the model, decided on validation texts."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from attention_programs.errors import UserError
from attention_programs.files import defined, read_json, records, write_json
from attention_programs.scoring.bootstrap import FEWEST_TEXTS

Item = TypeVar("Item")


@dataclass(frozen=True)
class GateMeasurement:
    """How much perplexity rises on validation texts with the registered surrogate's heads replaced."""

    percent: int
    """Percentage of the selected heads that is replaced."""
    texts: int
    tokens: int
    increase: float
    """In percent."""
    low: float
    high: float
    """Bounds of its 95 % interval; NaN if there are too few texts for one."""

    def passes(self, limit: float) -> bool:
        """Whether even the interval's upper bound is within the limit; without an interval, it does not pass."""
        return self.high <= limit

    def verdict(self, limit: float) -> str:
        """The decision, with its reason.

        Args:
            limit: Largest increase that passes, in percent.

        >>> GateMeasurement(25, 40, 2520, 8.1, 6.2, 10.4).verdict(20)
        'passed: with 25 % of heads replaced, validation perplexity rises by 8.10 % (95 % interval 6.20 to 10.40 %, 40 \
texts); the upper bound is within the limit of 20 %'
        """
        word = "passed" if self.passes(limit) else "failed"
        found = f"{word}: with {self.percent} % of heads replaced, validation perplexity rises by {self.increase:.2f} %"
        if not math.isfinite(self.high):
            return f"{found}, and {self.texts} texts are too few for an interval; {FEWEST_TEXTS} are needed"
        relation = "within" if self.passes(limit) else "above"
        return (
            f"{found} (95 % interval {self.low:.2f} to {self.high:.2f} %, {self.texts} texts); the upper bound is "
            f"{relation} the limit of {limit:g} %"
        )


def gate_measurement(table: pd.DataFrame, percent: int) -> GateMeasurement:
    """The measurement for the gate.

    Args:
        table: Perplexity of one curve, for distilled programs on validation texts.
        percent: Percentage of heads that the registered surrogate replaces.
    """
    (row,) = records(table[table["percent"] == percent])
    return GateMeasurement(percent, int(row.texts), int(row.tokens), row.increase, row.low, row.high)


@dataclass(frozen=True)
class ValidationTexts:
    """Validation texts by purpose; no text serves both."""

    choice: list
    """For comparing head rankings."""
    gate: list
    """For the gate."""


def divide_validation(texts: Sequence[Item], choice_texts: int) -> ValidationTexts:
    """Divides validation texts between the choice of a ranking and the gate.

    Args:
        texts: All of them, in a fixed order.
        choice_texts: How many are for the choice; 0 means half of them.

    Raises:
        UserError: if none is left for the gate.
    """
    first = choice_texts or max(1, len(texts) // 2)
    if first >= len(texts):
        raise UserError(
            f"replacement.choice_texts takes {first} of {len(texts)} validation texts and leaves none for the gate; "
            "lower it, or add texts"
        )
    return ValidationTexts(list(texts[:first]), list(texts[first:]))


def write_gate(path: Path, measurement: GateMeasurement) -> None:
    """Writes the measurement as JSON, with undefined bounds as null."""
    write_json(path, defined(asdict(measurement)))


def read_gate(path: Path) -> GateMeasurement:
    """Reads what :func:`write_gate` wrote.

    Raises:
        UserError: if it is missing or malformed.
    """
    values = read_json(path)
    try:
        known: dict[str, Any] = {key: math.nan if value is None else value for key, value in values.items()}
        return GateMeasurement(**known)
    except (AttributeError, TypeError) as error:
        raise UserError(f"{path} is not a measurement of the gate ({error}); run `dvc repro replace`") from error
