"""Comparison, stage 2: one library of programs for the heads of all models, and transfer between models."""

from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attention_programs.comparison.found_programs import FoundScores, read_pool, read_scores, scores_path
from attention_programs.comparison.library import Candidates, curve_table, greedy_order, program_table, size_table
from attention_programs.comparison.pooling import pooled
from attention_programs.comparison.settings import ALL_MODELS, read_settings
from attention_programs.comparison.transfer import transfer_table
from attention_programs.config import Config
from attention_programs.files import replacing, write_csv
from attention_programs.paths import Paths
from attention_programs.project.stage import run_stage
from attention_programs.report.figures.library_figure import draw_library
from attention_programs.report.figures.style import save, styled


def main(_: Config, paths: Paths) -> None:
    """Writes the tables of libraries and of transfer, and the figure of libraries."""
    settings, results = read_settings(paths.root), paths.root / "results" / "models"
    profiles, samples = settings.profiles, settings.bootstrap_samples

    @cache
    def scores(programs_of: str, heads_of: str) -> FoundScores:
        return read_scores(scores_path(paths.root, programs_of, heads_of))

    def curve_of(library: str, heads_of: str, candidates: Candidates, order: NDArray[np.int64]) -> pd.DataFrame:
        return curve_table(library, heads_of, candidates, order, samples, np.random.default_rng(settings.seed))

    joint = pooled(profiles, scores)
    order = greedy_order(joint)
    pools = {profile: read_pool(paths.root / "data" / profile / "found_programs.jsonl") for profile in profiles}
    write_csv(results / "library_programs.csv", program_table([joint.programs[place] for place in order], pools))
    curves = [curve_of(ALL_MODELS, ALL_MODELS, joint, order)]
    for profile in profiles:
        alone = pooled([profile], scores)
        curves.append(curve_of(ALL_MODELS, profile, joint.for_heads_of(profile), order))
        curves.append(curve_of(profile, profile, alone, greedy_order(alone)))
    curve = pd.concat(curves, ignore_index=True)
    write_csv(results / "library_curve.csv", curve)
    write_csv(results / "library.csv", size_table(curve, settings.percents))
    with styled(), replacing(results / "figures") as folder:
        folder.mkdir()
        save(draw_library(curve), folder / "library")
    generator = np.random.default_rng(settings.seed)
    write_csv(results / "transfer.csv", transfer_table(profiles, scores, samples, generator))


if __name__ == "__main__":
    run_stage("compare_models", main)
