"""The page's opening: what was done, and the main numbers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from attention_programs.config import Config
from attention_programs.programs.methods import BASELINES, DISTILLED, FIRST_TOKEN, SELECTED
from attention_programs.report.estimate import Estimate, percent_digits, percent_text, unbroken
from attention_programs.report.provenance import Fact, Provenance
from attention_programs.report.summary import distilled_ranking, estimate_of, mean_fit
from attention_programs.surrogate.rankings import BEST_FIT, RANKINGS

FIRST_ALONE = f"{BASELINES[FIRST_TOKEN].label.lower()} alone"


def opening(summary: Mapping[str, float], config: Config, provenance: Provenance, heads: int) -> str:
    """One paragraph: method, texts, fit, and the cost of replacing heads."""
    counts = {corpus: splits["test"] for corpus, splits in provenance.texts.items()}
    named = ", ".join(f"{count} {corpus}" for corpus, count in counts.items())
    above = Estimate(100 * summary.get("heads/above_0.5/selected", math.nan))
    fit, without = (mean_fit(summary, SELECTED, metric=metric).text() for metric in ("iou", "sink_excluded_iou"))
    text = (
        f"Each of {heads} attention heads of {config.model.name} is explained by a short Python program "
        f"({summary['programs/distinct/selected']:.0f} distinct programs in all), chosen on validation texts. "
        f"Fit, perplexity and answers are measured on up to {sum(counts.values())} test texts "
        f"({named}), cut to at most {config.attention.max_tokens} tokens, which played no part in choosing programs, "
        "rankings or coefficients; single-head ablation effects and the numbers on prompts come from training texts, "
        "the comparison of rankings from validation texts. "
        f"On average, a head's program matches its attention with an IoU of {fit}, where 1 is a perfect match; "
        f"{above.number(0)} % of heads are above 0.5. "
        f"For comparison, {_baselines(summary)}. Without the first token's column the programs reach {without}. "
    )
    return unbroken(text + _cost(summary, config.tracking.gate_percent)).strip()


def _baselines(summary: Mapping[str, float]) -> str:
    fits = {method: mean_fit(summary, method) for method in BASELINES}
    best = max(fits, key=lambda method: fits[method].value if fits[method].measured else -math.inf)
    alone = f"the {FIRST_ALONE} {fits[FIRST_TOKEN].text()}"
    if best == FIRST_TOKEN:
        return alone
    return f"the best baseline ({BASELINES[best].label.lower()}) {fits[best].text()}, {alone}"


@dataclass(frozen=True)
class _Replacement:
    increase: Estimate
    sentence: str
    note: str


def _replacements(summary: Mapping[str, float], percent: int) -> list[_Replacement]:
    """The best available way, then the paper's; what was not measured is left out."""
    ways = (
        (
            f"{DISTILLED}/{distilled_ranking(summary)}",
            "with coefficients fitted to preserve the model's predictions and the ranking that was best on validation",
            "distilled, best ranking",
        ),
        (
            f"{SELECTED}/{BEST_FIT}",
            "with coefficients fitted to the patterns, best-fitted heads first",
            RANKINGS[BEST_FIT].short,
        ),
    )
    found = [
        _Replacement(estimate_of(summary, f"perplexity_increase/test/{way}/{percent}"), sentence, note)
        for way, sentence, note in ways
    ]
    return [replacement for replacement in found if replacement.increase.measured]


def _cost(summary: Mapping[str, float], percent: int) -> str:
    original = estimate_of(summary, "perplexity/test/original")
    known = _replacements(summary, percent)
    if not known:
        return ""
    costs = ", and by ".join(f"{percent_text(each.increase)} {each.sentence}" for each in known)
    verb = "raises" if all(each.increase.value > 0 for each in known) else "changes"
    return f"Replacing {percent} % of the heads {verb} perplexity ({original.number(2)} original) by {costs}."


def key_numbers(summary: Mapping[str, float], config: Config) -> list[Fact]:
    """The few numbers that the page shows in large type."""
    percent = config.tracking.gate_percent
    fits = (
        ("Mean IoU", "selected programs", mean_fit(summary, SELECTED)),
        ("Mean IoU, baseline", FIRST_ALONE, mean_fit(summary, FIRST_TOKEN)),
        ("Mean IoU, no sinks", "without first column", mean_fit(summary, SELECTED, metric="sink_excluded_iou")),
    )
    found = [Fact(label, fit.number(), note, fit.interval()) for label, note, fit in fits]
    for replacement in _replacements(summary, percent):
        increase = replacement.increase
        digits = percent_digits(increase.value)
        value = f"{increase.change(digits)} %"
        found.append(Fact(f"Perplexity at {percent} %", value, replacement.note, increase.interval(digits)))
    return found
