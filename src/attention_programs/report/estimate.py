"""A number with its 95 % interval, and how it is formatted."""

import math
import re
from dataclasses import dataclass

ABSENT = "–"
"""Shown where nothing was measured."""


@dataclass(frozen=True)
class Estimate:
    """A measured value; the bounds are NaN without an interval, all three if nothing was measured."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def measured(self) -> bool:
        """Whether there is a value at all."""
        return math.isfinite(self.value)

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def number(self, digits: int = 3) -> str:
        """The value without its interval.

        >>> Estimate(0.65432).number(), Estimate(-0.0001).number()
        ('0.654', '0.000')
        """
        return f"{self.value:z,.{digits}f}" if self.measured else ABSENT

    def change(self, digits: int = 3) -> str:
        """The value with its sign.

        >>> Estimate(8.41).change(1), Estimate(-0.04).change(1)
        ('+8.4', '+0.0')
        """
        return f"{self.value:+z,.{digits}f}" if self.measured else ABSENT

    def interval(self, digits: int = 3) -> str:
        """The interval; empty if there is none.

        >>> Estimate(0.65, 0.64, 0.66).interval(2)
        '[0.64, 0.66]'
        """
        return f"[{self.low:z,.{digits}f}, {self.high:z,.{digits}f}]" if self.has_interval else ""

    def text(self, digits: int = 3) -> str:
        """Value and interval.

        >>> Estimate(0.65, 0.64, 0.66).text(2), Estimate(0.65).text(2), Estimate(float("nan")).text()
        ('0.65 [0.64, 0.66]', '0.65', '–')
        """
        return f"{self.number(digits)} {self.interval(digits)}".strip()


def unbroken(text: str) -> str:
    """Keeps the intervals and percentages of a sentence from breaking across lines.

    >>> unbroken("5 % [4, 6]").count(" ")
    0
    """
    return re.sub(r"(?<=\d) (?=%)|(?<=\d,) (?=-?\d)|(?<=\d) (?=\[)|(?<=%) (?=\[)", "\u00a0", text)


def percent_digits(value: float) -> int:
    """Decimals to show of a percentage: none from 100 up.

    >>> percent_digits(5.31), percent_digits(889.2)
    (1, 0)
    """
    return 1 if abs(value) < 100 else 0


def percent_text(estimate: Estimate) -> str:
    """A percentage with its interval; in powers of ten from a million per cent up.

    >>> percent_text(Estimate(5.31, 4.8, 5.92))
    '5.3 % [4.8, 5.9]'
    >>> percent_text(Estimate(2.43e10, 1.51e10, 4.44e10))
    '2.4e+10 % [1.5e+10, 4.4e+10]'
    """
    if not estimate.measured:
        return ABSENT
    if abs(estimate.value) >= 1e6:
        interval = f"[{estimate.low:.2g}, {estimate.high:.2g}]" if estimate.has_interval else ""
        return f"{estimate.value:.2g} % {interval}".strip()
    digits = percent_digits(estimate.value)
    return f"{estimate.number(digits)} % {estimate.interval(digits)}".strip()


def entry(key: str, value: float, low: float = math.nan, high: float = math.nan) -> dict[str, float]:
    """A value of a flat summary, with its bounds under keys of their own if it has any.

    >>> entry("iou", 0.65, 0.64, 0.66), entry("heads", 9.0)
    ({'iou': 0.65, 'iou/low': 0.64, 'iou/high': 0.66}, {'heads': 9.0})
    """
    bounds = {f"{key}/low": low, f"{key}/high": high} if Estimate(value, low, high).has_interval else {}
    return {key: value} | bounds
