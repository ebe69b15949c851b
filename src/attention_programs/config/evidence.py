"""Settings of the evidence: categories of programs, effects of single heads, and controls with wrong programs."""

from typing import Literal

from attention_programs.config.bounds import Count, Heads, Percent, Positive, Several, settings


@settings
class CategorySettings:
    """How programs are grouped by what they do."""

    texts: Positive = 12
    """Validation texts on which programs' patterns are compared, evenly spaced."""
    clusters: tuple[Several, Several] = (4, 12)
    """The smallest and largest number of clusters of behaviour that are tried."""
    splits: Positive = 50
    """Pairs of subsamples on which the clusters' stability is measured."""


@settings
class EffectSettings:
    """How the effects of single heads are measured."""

    replaced_by: tuple[Literal["correct", "mean_output", "zero_output"], ...] = (
        "correct",
        "mean_output",
        "zero_output",
    )
    """What each head is replaced by, alone: its program, its mean output, or nothing; empty to measure no effects."""
    heads: Heads = "all"
    """Selected heads that are measured: ``all``, ``every K``, or names."""
    texts: Positive = 24
    """Test texts, evenly spaced; noise falls with the square root."""
    mean_texts: Positive = 24
    """Training texts over which each head's output is averaged for mean ablation."""


@settings
class ControlSettings:
    """How wrong programs are compared with the right ones."""

    percents: tuple[Percent, ...] = (25, 50, 100)
    """Percentages of the selected heads to replace, ascending; empty to measure no controls."""
    draws: Positive = 5
    """How often each random condition is drawn, each time with a seed of its own."""
    texts: Count = 0
    """Test texts, evenly spaced; 0 is all. One window each."""
    fitted: tuple[Literal[
        "correct", "equal_iou", "same_category", "permuted_within_layer", "permuted_over_model", "random_program",
        "other_category",
    ], ...] = ()  # fmt: skip
    """Conditions whose coefficients are also fitted to the model's predictions, all with this budget."""
    fitted_draws: Positive = 1
    """How many of their draws are."""
    steps: tuple[Count, ...] = (4, 4, 8)
    """Steps of this fit for each of ``percents``, otherwise as in ``distillation``."""
    layer_steps: Count = 4
    """Initial steps that match each layer's output."""
