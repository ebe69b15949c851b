"""The settings of the surrogate: how heads are replaced, fitted, measured and judged."""

from typing import Literal, Self

from pydantic import model_validator

from attention_programs.config.bounds import Count, Number, Percent, Positive, settings

Precision = Literal["fastest", "bfloat16", "float32"]
"""``fastest`` is bfloat16 where the CPU has instructions for it, else float32."""


@settings
class ReplacementSettings:
    """How replacing heads is measured."""

    percents: tuple[Percent, ...] = (0, 5, 10, 25, 40, 50, 75, 100)
    """Shares of the selected heads to replace, in percent, for the distilled programs in the best ranking."""
    comparison_percents: tuple[Percent, ...] = (0, 25, 50, 100)
    """Shares for everything that it is compared with, on the same texts."""
    corpus: str = "all"
    """Name of the corpus that the surrogate is made for, or ``all``: orders and distilled coefficients come from its
    training and validation texts, perplexity from its test texts."""
    texts: Count = 0
    """Test texts on which perplexity is measured; time grows with it; 0 is all."""
    windows: Positive = 2
    """Pieces of ``attention.max_tokens`` tokens from the beginning of each test text; they count as one text."""
    ablation_texts: Positive = 24
    """Training texts on which each head's single replacement is measured; noise falls with its root, and the report
    says how reliable the ranking is."""
    batch_texts: Positive = 8
    """Texts in one forward pass."""
    precision: Precision = "float32"
    """Of the passes that rankings and perplexity are measured in: products of matrices in bfloat16 take a quarter of
    the time on CPUs that have it (fifty times as long on others), and move an increase of perplexity by far less
    than its interval is wide."""
    fisher_texts: Positive = 32
    """Training texts of the Fisher estimate of ablation effect."""
    fisher_samples: Positive = 4
    """Draws from the model's predictions that the estimate averages, each at the cost of a backward pass."""
    iterative_fisher_rounds: Positive = 4
    """Shares of the heads after which the estimate is made again; each costs as much as the first."""
    joint_ablation_draws: Positive = 48
    """Random sets of heads for the ranking by joint ablation effect; each costs about four forward passes."""
    joint_ablation_texts: Positive = 4
    """Training texts of each such set."""
    choice_texts: Count = 0
    """Validation texts on which the rankings are compared and the best one is chosen; 0 is half of them. The gate is
    measured on the others."""
    look_ahead: tuple[str, ...] = ()
    """Names of programs that may go into a causal model although they look ahead; their perplexity flatters them."""


@settings
class DistillationSettings:
    """How the coefficients of all replaced heads are fitted together, so that the model keeps its predictions."""

    percents: tuple[Percent, ...] = (25, 50, 100)
    """Shares of the selected heads, ascending, in percent; each gets its own coefficients, which start from the share
    before. Shares in between use those of the next larger one."""
    steps: tuple[Count, ...] = (16, 24, 64)
    """Steps of the optimiser for each share, each about three forward passes of a batch; more keep the model better."""
    layer_steps: Count = 24
    """Steps that match every layer's output by itself first; cheaper ones, from which all shares profit."""
    layer_rate: Number = 0.1
    """Size of the largest of those, in units of a coefficient: steps grow at first, then fall to 0 along a cosine."""
    rate: Number = 0.05
    """The same for the steps of each share; twice as much sets few heads back before it helps."""
    batch_texts: Positive = 4
    """Training texts in one step."""
    precision: Precision = "fastest"
    """Of the passes: the shorter one is about half again as fast where the CPU has it. Rounding decides little as
    long as half of the heads stay, but much when all are replaced."""
    check_texts: Count = 8
    """Validation texts on which the curve in ``distillation.csv`` is measured; 0 measures none."""
    check_every: Positive = 8
    """Steps between two such measurements."""
    memory_mib: Count = 512
    """Bound on the terms' values that are kept from one step to the next, MiB; a text of 64 tokens takes about 0.6."""

    @model_validator(mode="after")
    def _has_steps_for_ascending_shares(self) -> Self:
        if len(self.percents) != len(self.steps):
            raise ValueError(
                f"steps has {len(self.steps)} numbers for the {len(self.percents)} shares of percents; write one for "
                "each"
            )
        if list(self.percents) != sorted(set(self.percents)):
            raise ValueError(f"percents is {list(self.percents)}; write ascending shares")
        return self

    def prediction_steps(self, percent: int) -> int:
        """Steps in which the coefficients of a share are fitted to the model's predictions, those before it included.

        >>> DistillationSettings(percents=(25, 50, 100), steps=(16, 8, 32)).prediction_steps(50)
        24
        """
        share = next((each for each in self.percents if each >= percent), 100)
        return sum(step for each, step in zip(self.percents, self.steps, strict=True) if each <= share)


@settings
class EvaluationSettings:
    """Which questions the patched model answers."""

    name: str
    """Names the choice in tables."""
    tasks: tuple[str, ...] = ("story_continuation", "verb_agreement")
    """Tasks: the two that ship, or piqa, hellaswag, sciq, arc_easy, social_iqa, copa."""
    percents: tuple[Percent, ...] = (0, 25, 50, 100)
    """Shares of the selected heads to replace, in percent."""
    data_dir: str = ""
    """Folder of JSONL files of the named tasks; empty reads them from the hub."""
    limit: Positive = 200
    """Most questions of a task."""
    batch_size: Positive = 16
    """Questions in one forward pass."""


@settings
class TrackingSettings:
    """What MLflow keeps, and when a surrogate counts as validated."""

    gate_percent: Percent = 25
    """Share of heads replaced in the registered surrogate, in percent."""
    gate_increase: Number = 20.0
    """Highest increase of perplexity that earns the alias ``latest-validated``, in percent: the upper end of the 95 %
    interval on validation texts must not be above it."""
