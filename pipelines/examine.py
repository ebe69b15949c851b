"""Stage 7: what sizes, sharing, corpora and lengths of text do to the fit, on test texts."""

from collections.abc import Mapping

import pandas as pd

from attention_programs.attention.extraction import extract
from attention_programs.attention.store import AttentionIndex, MappedText, read_index, read_maps
from attention_programs.config import Config
from attention_programs.corpora.text import read_texts
from attention_programs.files import read_csv, write_csv
from attention_programs.models.loading import LoadedModel, best_device, load_model
from attention_programs.paths import Paths
from attention_programs.programs.execution import Runner
from attention_programs.programs.table import read_programs
from attention_programs.progress import progress
from attention_programs.scoring.assignments import Assignment, assignment_of, score_assignments
from attention_programs.scoring.behaviour import behaviour_table
from attention_programs.scoring.selection import FITTED_MIXTURE, SELECTED
from attention_programs.scoring.variants import LENGTH_COLUMNS, cut, length_rows, variant_table
from attention_programs.stage import run_stage
from attention_programs.synthesis.variants import read_variants

BASELINES = (FITTED_MIXTURE, "first_token")


def main(config: Config, paths: Paths) -> None:
    """Writes the tables of variants, lengths and behaviour."""
    index, samples = read_index(paths.attention), config.scoring.bootstrap_samples
    heads, programs = read_csv(paths.results / "heads.csv"), read_programs(paths.programs)
    methods = {name: assignment_of(name, heads, programs) for name in (SELECTED, *BASELINES)}
    variants = methods | {variant.name: variant.programs for variant in read_variants(paths.variants)}
    test = list(read_maps(paths.attention, ["test"]))
    corpora = [text.corpus for text in test]
    with Runner(config.sandbox, config.threads, index.token_style) as runner:
        scores = score_assignments(variants, progress(test, "scoring variants", unit="texts"), index, runner)
        write_csv(paths.results / "variants.csv", variant_table(variants, scores, corpora, samples, config.seed))
        write_csv(paths.results / "behaviour.csv", behaviour_table(test, index))
        write_csv(paths.results / "lengths.csv", _lengths(config, paths, index, methods, runner))


def _lengths(
    config: Config, paths: Paths, index: AttentionIndex, methods: Mapping[str, Assignment], runner: Runner
) -> pd.DataFrame:
    """Texts that are long enough for every length, cut to each."""
    lengths = config.scoring.lengths
    loaded = load_model(paths.model, best_device())
    encoded = {text.key: loaded.encode(text.content, max(lengths)) for text in read_texts(paths.texts)}
    chosen = [t for t in read_texts(paths.texts) if t.split == "test" and len(encoded[t.key]) == max(lengths)]
    ids = [encoded[text.key] for text in chosen[: config.scoring.length_texts or None]]
    longest = _mapped(loaded, ids, index) if index.causal else []
    rows: list[dict[str, object]] = []
    for tokens in progress(lengths if ids else (), "texts of several lengths", unit="lengths"):
        if index.causal:
            texts = [cut(text, tokens) for text in longest]
        else:
            texts = _mapped(loaded, [each[:tokens] for each in ids], index)
        rows += length_rows(tokens, score_assignments(methods, texts, index, runner), config.scoring.bootstrap_samples,
                            config.seed)  # fmt: skip
    return pd.DataFrame(rows, columns=LENGTH_COLUMNS)


def _mapped(loaded: LoadedModel, ids: list[list[int]], index: AttentionIndex) -> list[MappedText]:
    maps = (one for batch in extract(loaded, [[each] for each in ids], index.head_list) for one in batch)
    return [
        MappedText(str(number), "", "test", one.ids, one.pieces, one.cells.astype("float32"))
        for number, one in enumerate(maps)
    ]


if __name__ == "__main__":
    run_stage("examine", main)
