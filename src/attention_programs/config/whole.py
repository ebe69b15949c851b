"""All settings together: how they are read from ``params.yaml``, and checks across groups."""

from pathlib import Path
from typing import Self

from pydantic import model_validator

from attention_programs.config.bounds import Count, FolderName, Number, Positive, from_mapping, settings
from attention_programs.config.evidence import CategorySettings, ControlSettings, EffectSettings
from attention_programs.config.inputs import AttentionSettings, CorporaSettings, ModelSettings
from attention_programs.config.llm import ExplainerSettings
from attention_programs.config.programs import SandboxSettings, ScoringSettings, SynthesisSettings
from attention_programs.config.surrogate import (
    DistillationSettings,
    EvaluationSettings,
    ReplacementSettings,
    TrackingSettings,
)
from attention_programs.files import read_yaml

RESERVED = ("all", "models")
"""Names that comparisons of models use for folders and for what all models have in common; no profile has them."""


@settings
class ReportSettings:
    """What the report shows."""

    example_heads: Count = 6
    """Heads shown with their program, true and predicted pattern."""


@settings
class ReproducibilitySettings:
    """How much numbers may differ on another type of CPU."""

    absolute: Number = 0.02
    """Largest absolute difference of an IoU, an accuracy or a share."""
    relative: Number = 0.02
    """Largest relative difference of a perplexity."""


@settings
class Config:
    """All settings; the composed content of ``params.yaml``."""

    profile: FolderName
    """Names the folders ``data/<profile>``, ``results/<profile>`` and ``reports/<profile>``."""
    model: ModelSettings
    corpora: CorporaSettings
    attention: AttentionSettings
    synthesis: SynthesisSettings
    explainer: ExplainerSettings
    sandbox: SandboxSettings
    scoring: ScoringSettings
    replacement: ReplacementSettings
    distillation: DistillationSettings
    evaluation: EvaluationSettings
    tracking: TrackingSettings
    report: ReportSettings
    reproducibility: ReproducibilitySettings
    seed: Count = 0
    """The only source of randomness: splits, random baselines, bootstrap."""
    threads: Positive = 2
    """Threads of numerical libraries; part of the record because sums depend on it in the last bits."""
    categories: CategorySettings = CategorySettings()
    effects: EffectSettings = EffectSettings()
    controls: ControlSettings = ControlSettings()

    @model_validator(mode="after")
    def _profile_is_free(self) -> Self:
        if self.profile in RESERVED:
            raise ValueError(f"profile is {self.profile!r}, which comparisons of models use; give it another name")
        return self

    @model_validator(mode="after")
    def _corpus_is_there(self) -> Self:
        corpora = ["all", *(source.name for source in self.corpora.sources)]
        if len(corpora) == 1:
            raise ValueError("corpora.sources is empty; name a corpus")
        if self.replacement.corpus not in corpora:
            raise ValueError(f"replacement.corpus is {self.replacement.corpus!r}; write one of {', '.join(corpora)}")
        return self

    @model_validator(mode="after")
    def _registered_share_is_fitted_and_measured(self) -> Self:
        """Otherwise a version would be registered without its effects on perplexity and answers."""
        percent, asked, distillation = self.tracking.gate_percent, self.evaluation.percents, self.distillation
        if percent not in self.replacement.percents:
            raise ValueError(f"tracking.gate_percent is {percent}, which is not in replacement.percents; add it there")
        if self.evaluation.tasks and percent not in asked:
            raise ValueError(
                f"evaluation.percents is {list(asked)}, and the registered surrogate replaces {percent} percent "
                "(tracking.gate_percent); add that number, or leave evaluation.tasks empty"
            )
        if self.evaluation.tasks and 0 not in asked:
            raise ValueError(f"evaluation.percents is {list(asked)}; add 0, which all others are compared with")
        if not distillation.prediction_steps(percent):
            raise ValueError(
                f"distillation.steps is {list(distillation.steps)}, so the registered percentage of heads ({percent}) "
                "is not fitted to the model's predictions as its record says; give it steps"
            )
        measured = max((*self.replacement.percents, *self.replacement.comparison_percents, *asked))
        if measured > distillation.percents[-1]:
            raise ValueError(
                f"replacement or evaluation replaces {measured} percent of heads, more than distillation.percents; "
                "add that number there"
            )
        return self

    @model_validator(mode="after")
    def _controls_are_fitted_alike(self) -> Self:
        controls = self.controls
        if controls.fitted and len(controls.steps) != len(controls.percents):
            raise ValueError(
                f"controls.steps has {len(controls.steps)} numbers for {len(controls.percents)} percents; write one "
                "for each"
            )
        if list(controls.percents) != sorted(set(controls.percents) - {0}):
            raise ValueError(f"controls.percents is {list(controls.percents)}; write ascending numbers above 0")
        return self


def load_config(path: Path) -> Config:
    """Reads and checks ``params.yaml``.

    Raises:
        UserError: if the file is missing, is not YAML, or holds a bad key or value.
    """
    return from_mapping(Config, read_yaml(path), str(path))
