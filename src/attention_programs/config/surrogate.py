"""Settings of the surrogate: how heads are replaced, fitted, measured and validated."""

from typing import Literal, Self

from pydantic import model_validator

from attention_programs.config.bounds import Count, Number, Percent, Positive, Several, settings
from attention_programs.config.inputs import CorpusSettings

Precision = Literal["fastest", "bfloat16", "float32"]
"""``fastest`` is bfloat16 where the CPU has instructions for it, else float32."""


@settings
class ReplacementSettings:
    """How replacing heads is measured."""

    percents: tuple[Percent, ...] = (0, 5, 10, 25, 40, 50, 75, 100)
    """Percentages of the selected heads to replace, for the distilled programs in the best ranking."""
    comparison_percents: tuple[Percent, ...] = (0, 25, 50, 100)
    """Percentages for everything that it is compared with, on the same texts."""
    corpus: str = "all"
    """Name of the corpus that the surrogate is for, or ``all``: rankings and distilled coefficients come from its
    training and validation texts, perplexity from its test texts."""
    texts: Count = 0
    """Test texts on which perplexity is measured; 0 is all. Time grows with it."""
    windows: Positive = 2
    """Windows of ``attention.max_tokens`` tokens from the start of each test text; they count as one text."""
    lengths: tuple[Several, ...] = ()
    """Lengths in tokens at which perplexity is measured besides, on beginnings of the same test texts."""
    length_texts: Positive = 12
    """Test texts for that: the first of all that are long enough for the longest."""
    other_corpora: tuple[CorpusSettings, ...] = ()
    """Further texts on which perplexity is measured, for comparison with published numbers; no program saw them."""
    other_tokens: Several = 512
    """Tokens of their windows."""
    other_windows: Positive = 2
    """Windows of a text; they count as one text."""
    ablation_texts: Positive = 24
    """Training texts on which single-head replacements are measured; noise falls with the square root, and the report
    says how reliable the ranking is."""
    batch_texts: Positive = 8
    """Texts in one forward pass."""
    precision: Precision = "float32"
    """Of the passes that measure rankings and perplexity: matrix products in bfloat16 take a quarter of the time on
    CPUs that support it (fifty times as long on others), and change a perplexity increase by far less than the
    width of its interval."""
    fisher_texts: Positive = 32
    """Training texts for the Fisher estimate of ablation effects."""
    fisher_samples: Positive = 4
    """Samples from the model's predictions that the estimate averages, each at the cost of a backward pass."""
    iterative_fisher_rounds: Positive = 4
    """How often the estimate is made, each time with more heads replaced; each costs as much as the first."""
    joint_ablation_draws: Positive = 48
    """Random sets of heads for the ranking by joint ablation effects; each costs about four forward passes."""
    joint_ablation_texts: Positive = 4
    """Training texts for each set."""
    choice_texts: Count = 0
    """Validation texts on which the best ranking is chosen; 0 is half of them. The gate is measured on the others."""
    look_ahead: tuple[str, ...] = ()
    """Names of programs that may go into a causal model although they look ahead; their perplexity is too good."""


@settings
class DistillationSettings:
    """How the coefficients of all replaced heads are fitted jointly to preserve the model's predictions."""

    percents: tuple[Percent, ...] = (25, 50, 100)
    """Percentages of the selected heads, ascending; each has its own coefficients, initialised from the previous one's.
    Percentages in between use those of the next larger one."""
    steps: tuple[Count, ...] = (16, 24, 64)
    """Optimiser steps for each percentage, each about three forward passes of a batch; more fit better."""
    layer_steps: Count = 24
    """Initial steps that match each layer's output separately; they are cheaper and help all percentages."""
    layer_rate: Number = 0.1
    """Largest size of these steps, in units of a coefficient, after a warm-up; it then falls to 0 along a cosine."""
    rate: Number = 0.05
    """The same for the steps of each percentage; twice as much hurts small percentages before it helps."""
    batch_texts: Positive = 4
    """Training texts in one step."""
    precision: Precision = "fastest"
    """Of the passes: bfloat16 is about half again as fast on CPUs that support it. Rounding matters little as long as
    half of the heads remain, but much if all are replaced."""
    check_texts: Count = 8
    """Validation texts for the curve in ``distillation.csv``; 0 measures none."""
    check_every: Positive = 8
    """Steps between its measurements."""
    memory_mib: Count = 512
    """Limit on cached values of terms, MiB; a text of 64 tokens takes about 0.6."""

    @model_validator(mode="after")
    def _has_steps_for_ascending_shares(self) -> Self:
        if len(self.percents) != len(self.steps):
            raise ValueError(
                f"steps has {len(self.steps)} numbers for {len(self.percents)} percents; write one for each"
            )
        if list(self.percents) != sorted(set(self.percents)):
            raise ValueError(f"percents is {list(self.percents)}; write ascending numbers")
        return self

    def prediction_steps(self, percent: int) -> int:
        """Steps that fit a percentage's coefficients to the model's predictions, including those of smaller ones.

        >>> DistillationSettings(percents=(25, 50, 100), steps=(16, 8, 32)).prediction_steps(50)
        24
        """
        share = next((each for each in self.percents if each >= percent), 100)
        return sum(step for each, step in zip(self.percents, self.steps, strict=True) if each <= share)


@settings
class TaskFile:
    """The file of a task's questions."""

    task: str
    sha256: str
    """Of its bytes, in hexadecimal."""


@settings
class EvaluationSettings:
    """Questions that the patched model answers."""

    name: str
    """Name of this choice in tables."""
    tasks: tuple[str, ...] = ("story_continuation", "verb_agreement")
    """Tasks: the two that ship, or piqa, hellaswag, sciq, arc_easy, social_iqa, copa."""
    percents: tuple[Percent, ...] = (0, 25, 50, 100)
    """Percentages of the selected heads to replace."""
    controls: tuple[Literal["first_token", "sink_self", "permuted_within_layer", "permuted_over_model"], ...] = ()
    """Conditions of the controls that answer, too, with their first draw."""
    control_percents: tuple[Percent, ...] = (25, 50)
    """Percentages of the selected heads that they replace."""
    data_dir: str = ""
    """Folder with the tasks' JSONL files; if empty, they are read from the hub."""
    files: tuple[TaskFile, ...] = ()
    """Which files they must be; the file of a task that is not named is not checked."""
    limit: Positive = 200
    """Maximum number of questions per task."""
    batch_size: Positive = 16
    """Questions in one forward pass."""


@settings
class TrackingSettings:
    """Which surrogate is registered, and when it counts as validated."""

    gate_percent: Percent = 25
    """Percentage of heads replaced in the registered surrogate."""
    gate_increase: Number = 20.0
    """Largest perplexity increase for the alias ``latest-validated``, in percent: the upper end of the 95 % interval on
    validation texts must not exceed it."""
