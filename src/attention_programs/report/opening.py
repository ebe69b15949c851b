"""The page's first words: what was done and the main numbers."""

import math
from collections.abc import Mapping

from attention_programs.config import Config
from attention_programs.report.estimate import Estimate, percent_digits, percent_text, unbroken
from attention_programs.report.provenance import Fact, Provenance, TextCounts
from attention_programs.report.summary import estimate_of, replacing

FITS = ("iou/test/all/selected", "iou/test/all/first_token", "sink_excluded_iou/test/all/selected")
"""The means that the paragraph and the large numbers show."""
TEST = 2
"""Position of the test split in a corpus' counts."""


def opening(summary: Mapping[str, float], config: Config, provenance: Provenance, heads: int) -> str:
    """One paragraph: method, texts, fit, and the cost of replacing heads.

    Args:
        summary: What ``summarise`` built.
        config: All settings.
        provenance: Texts that were used.
        heads: Studied heads.
    """
    tests = sum(corpus.counts[TEST] for corpus in provenance.texts)
    above = Estimate(100 * summary.get("heads/above_0.5/selected", math.nan))
    fit, first_token, without = (estimate_of(summary, key).text() for key in FITS)
    text = (
        f"Each of {heads} attention heads of {config.model.name} is explained by a short Python program "
        f"({summary['programs/distinct/selected']:.0f} distinct programs in all), chosen on validation texts. "
        f"Every number here comes from {tests} test texts ({_corpora(provenance.texts)}), cut to at most "
        f"{config.attention.max_tokens} tokens, that took no part in any choice. "
        f"On average a head's program matches its attention with an IoU of {fit}, where 1 is a perfect match; "
        f"{above.number(0)} % of heads lie above 0.5. "
        f"Attention on the first token accounts for much of that: the first token alone reaches {first_token}, "
        f"and without the first token's column the programs reach {without}. "
    )
    return unbroken(text + _cost(summary, config.tracking.gate_percent)).strip()


def _corpora(counts: tuple[TextCounts, ...]) -> str:
    return ", ".join(f"{corpus.counts[TEST]} {corpus.corpus}" for corpus in counts)


def _cost(summary: Mapping[str, float], percent: int) -> str:
    intact = estimate_of(summary, "perplexity/test/intact")
    orders = {
        "damage": "if the heads that do least damage (measured on validation texts) go first",
        "iou": "if the best-fitted heads go first",
    }
    increases = {order: estimate_of(summary, _increase(summary, order, percent)) for order in orders}
    known = [order for order in orders if increases[order].measured]
    if not known:
        return ""
    costs = " and by ".join(f"{percent_text(increases[order])} {orders[order]}" for order in known)
    return f"Replacing {percent} % of the heads raises perplexity ({intact.number(2)} intact) by {costs}."


def _increase(summary: Mapping[str, float], order: str, percent: int) -> str:
    return f"perplexity_increase/test/{replacing(summary, order)}/{order}/{percent}"


def key_numbers(summary: Mapping[str, float], config: Config) -> list[Fact]:
    """The handful of numbers that the page sets large."""
    percent = config.tracking.gate_percent
    fits = (
        ("Mean IoU", "selected programs"),
        ("Mean IoU, baseline", "first token alone"),
        ("Mean IoU, no sinks", "without first column"),
    )
    found = []
    for key, (label, note) in zip(FITS, fits, strict=True):
        fit = estimate_of(summary, key)
        found.append(Fact(label, fit.number(), note, fit.interval()))
    for order, words in (("damage", "least damage first"), ("iou", "best fit first")):
        increase = estimate_of(summary, _increase(summary, order, percent))
        if increase.measured:
            digits = percent_digits(increase.value)
            value = f"{increase.value:+,.{digits}f} %"
            found.append(Fact(f"Perplexity at {percent} %", value, words, increase.interval(digits)))
    return found
