"""The settings of all stages, with their bounds and how they are read."""

from attention_programs.config.bounds import from_mapping
from attention_programs.config.evidence import CategorySettings, ControlSettings, EffectSettings
from attention_programs.config.inputs import (
    AttentionSettings,
    CorporaSettings,
    CorpusSettings,
    ModelSettings,
    WheelPart,
)
from attention_programs.config.llm import ExplainerFormat, ExplainerMode, ExplainerSettings
from attention_programs.config.programs import SandboxSettings, ScoringSettings, SynthesisSettings
from attention_programs.config.surrogate import (
    DistillationSettings,
    EvaluationSettings,
    Precision,
    ReplacementSettings,
    TrackingSettings,
)
from attention_programs.config.whole import Config, ReportSettings, ReproducibilitySettings, load_config

__all__ = [
    "AttentionSettings",
    "CategorySettings",
    "Config",
    "ControlSettings",
    "CorporaSettings",
    "CorpusSettings",
    "DistillationSettings",
    "EffectSettings",
    "EvaluationSettings",
    "ExplainerFormat",
    "ExplainerMode",
    "ExplainerSettings",
    "ModelSettings",
    "Precision",
    "ReplacementSettings",
    "ReportSettings",
    "ReproducibilitySettings",
    "SandboxSettings",
    "ScoringSettings",
    "SynthesisSettings",
    "TrackingSettings",
    "WheelPart",
    "from_mapping",
    "load_config",
]
