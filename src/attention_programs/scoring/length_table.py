"""How the fit depends on text length: the same texts, truncated to each length."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple

import numpy as np
import pandas as pd

from attention_programs.attention.extraction import extract
from attention_programs.attention.pattern_store import AttentionIndex, TextAttention
from attention_programs.config import ScoringSettings
from attention_programs.corpora.text import Text
from attention_programs.models.architecture import shortest_window
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.runner import Runner
from attention_programs.progress import progress
from attention_programs.scoring.analysis_table import mean_interval
from attention_programs.scoring.assignments import Assignment, score_assignments

LENGTH_COLUMNS = ["method", "tokens", "texts", "iou", "low", "high", "sink_excluded_iou"]


def texts_of_lengths(
    loaded: LoadedModel, texts: Sequence[Text], index: AttentionIndex, settings: ScoringSettings
) -> Iterator[tuple[int, list[TextAttention]]]:
    """Yields each of ``settings.lengths`` with the attention patterns of texts truncated to that many tokens.

    Args:
        loaded: The model.
        texts: Texts to choose from: the first ``settings.length_texts`` that are long enough for every length.
        index: Names the heads to extract.
        settings: Number of texts, and lengths; those longer than a layer's window are left out.
    """
    most = min(loaded.max_tokens, shortest_window(loaded.model.config) or loaded.max_tokens)
    lengths = [tokens for tokens in settings.lengths if tokens <= most]
    longest = max(lengths, default=0)
    contents = [text.content for text in texts if longest and len(loaded.encode(text.content, longest)) == longest]
    contents = contents[: settings.length_texts or None]
    mapped = _mapped(loaded, contents, longest, index) if index.causal else []
    for tokens in progress(lengths if contents else (), "texts of several lengths", unit="lengths"):
        shorter = (
            [text.beginning(tokens) for text in mapped] if index.causal else _mapped(loaded, contents, tokens, index)
        )
        yield tokens, shorter


def _mapped(loaded: LoadedModel, contents: Sequence[str], tokens: int, index: AttentionIndex) -> list[TextAttention]:
    batches = [[loaded.encode(content, tokens)] for content in contents]
    return [one for batch in extract(loaded, batches, index.head_list, index.max_rows) for one in batch]


def length_table(
    methods: Mapping[str, Assignment],
    texts: Iterable[tuple[int, Sequence[TextAttention]]],
    index: AttentionIndex,
    runner: Runner,
    samples: int,
    seed: int,
) -> pd.DataFrame:
    """One row per length and method: mean IoU over heads and texts with its interval.

    Args:
        methods: Assignments by name.
        texts: Lengths in tokens, each with its texts.
        index: The patterns' index.
        runner: Runs the programs.
        samples: Number of bootstrap resamples of texts.
        seed: Seed of the resamples, the same for all rows.
    """
    rows = []
    for tokens, some in texts:
        for method, own in score_assignments(methods, some, index, runner).items():
            interval = astuple(mean_interval(own.iou, samples, np.random.default_rng(seed)))
            rows.append((method, tokens, len(own.iou), *interval, float(own.sink_excluded_iou.mean())))
    return pd.DataFrame(rows, columns=LENGTH_COLUMNS)
