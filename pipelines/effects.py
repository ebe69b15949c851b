"""Stage 11: the effect of single heads on test texts, and what about a head predicts it."""

import math

import numpy as np
import pandas as pd

from attention_programs.attention.pattern_store import read_texts
from attention_programs.config import Config
from attention_programs.corpora.text import Split, evenly_spaced
from attention_programs.evidence.conditions import CORRECT, MEAN, ZERO
from attention_programs.evidence.predictors import correlation_table, cumulative_table
from attention_programs.files import read_csv, write_csv
from attention_programs.models.head import pick_heads
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.programs.methods import SELECTED
from attention_programs.programs.record import read_programs
from attention_programs.project.stage import run_stage
from attention_programs.scoring.assignments import assignment_of
from attention_programs.surrogate.ablation import SingleEffects, measure_ablation_effects
from attention_programs.surrogate.constant_output import Replaced, zero_outputs
from attention_programs.surrogate.head_rankings import ablation_table
from attention_programs.surrogate.intervention import pattern_cache
from attention_programs.surrogate.mean_outputs import mean_outputs
from attention_programs.surrogate.windows import of_corpus
from attention_programs.untrusted.execution import SandboxRunner

MEASURED_AND_AVERAGED: tuple[Split, ...] = ("test", "train")


def main(config: Config, paths: Paths) -> None:
    """Replaces each head alone: by its program, by its mean output and by nothing; correlates that with its fit."""
    settings, replacement = config.effects, config.replacement
    loaded = load_model(paths.model, best_device())
    heads = read_csv(paths.results / "heads.csv")
    programs = assignment_of(SELECTED, heads, read_programs(paths.programs))
    missing = f"of effects.heads is not one of the {len(programs)} selected heads (such as {min(programs)})"
    selected = {head: programs[head] for head in pick_heads(settings.heads, sorted(programs), missing)}
    test, train = (
        [text.ids for text in of_corpus(read_texts(paths.attention, [split]), replacement.corpus)]
        for split in MEASURED_AND_AVERAGED
    )
    test, train = evenly_spaced(test, settings.texts), evenly_spaced(train, settings.mean_texts)
    means = mean_outputs(loaded, train, replacement.batch_texts, replacement.precision)
    known: dict[str, Replaced] = {
        CORRECT: selected,
        MEAN: {head: means[head] for head in selected},
        ZERO: zero_outputs(loaded, list(selected)),
    }
    nothing = ablation_table(SingleEffects([], 0, math.nan)).assign(replaced_by="")
    with SandboxRunner(config.sandbox, config.threads, loaded.token_style) as runner:
        cache = pattern_cache(loaded, runner)
        tables = []
        for kind in settings.replaced_by:
            effects = measure_ablation_effects(
                loaded, known[kind], test, cache, replacement.batch_texts, replacement.look_ahead, replacement.precision
            )
            tables.append(ablation_table(effects).assign(replaced_by=kind))
    found = pd.concat(tables) if tables else nothing
    own = heads[heads["method"] == SELECTED][["head", "iou_test", "sink_excluded_iou_test"]]
    fits = own.merge(read_csv(paths.results / "behaviour.csv")[["head", "first_token", "entropy"]], on="head")
    generator = np.random.default_rng(config.seed)
    write_csv(paths.results / "effects.csv", found)
    samples = config.scoring.bootstrap_samples
    write_csv(paths.results / "effect_correlations.csv", correlation_table(found, fits, samples, generator))
    write_csv(paths.results / "cumulative_correlations.csv", cumulative_table(found, fits, generator))


if __name__ == "__main__":
    run_stage("effects", main)
