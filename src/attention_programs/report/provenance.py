"""Where the numbers come from: model, texts and settings, as listed on the page."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import yaml

from attention_programs.attention.pattern_store import AttentionIndex
from attention_programs.config import Config
from attention_programs.models.model_record import ModelRecord


@dataclass(frozen=True)
class Fact:
    """A labelled value."""

    label: str
    value: str
    note: str = ""
    interval: str = ""


@dataclass(frozen=True)
class Provenance:
    """The page's last section."""

    facts: tuple[Fact, ...]
    texts: Mapping[str, Mapping[str, int]]
    """Counts by corpus and split."""
    params: str
    """All settings as YAML."""


def trace(
    config: Config, record: ModelRecord, counts: Mapping[str, Mapping[str, int]], index: AttentionIndex
) -> Provenance:
    """Collects what the report was made from: model, settings and texts."""
    location = f"{record.source}: {record.location}" + (f", {record.revision[:16]}" if record.revision else "")
    facts = (
        Fact("Model", f"{record.name} ({record.architecture}, {record.parameters:,} parameters, {record.dtype})"),
        Fact("Source", location),
        *([Fact("Quantised", f"{record.quantization}, dequantised to {record.dtype}")] if record.quantization else []),
        Fact("Weights, SHA-256", record.weights_sha256),
        Fact("Heads", f"{len(index.heads)} selected of {record.layers} layers x {record.heads_per_layer} heads"),
        Fact("Attention", "causal" if record.causal else "bidirectional"),
        Fact("Longest text", f"{index.max_tokens} tokens; longer texts are cut"),
        Fact("Seed", str(config.seed)),
    )
    params = yaml.safe_dump(json.loads(json.dumps(asdict(config))), sort_keys=False, allow_unicode=True, width=100)
    return Provenance(facts, counts, params)
