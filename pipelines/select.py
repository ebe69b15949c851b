"""Stage 7: the best program for each head, chosen on validation, reported on test."""

import numpy as np

from attention_programs.attention.pattern_store import read_index
from attention_programs.config import Config
from attention_programs.files import write_csv
from attention_programs.paths import Paths
from attention_programs.programs.record import read_programs
from attention_programs.project.stage import run_stage
from attention_programs.scoring.score_table import read_scores
from attention_programs.scoring.selection import choose, report_selection
from attention_programs.scoring.source_comparison import compare_sources


def main(config: Config, paths: Paths) -> None:
    """Writes the tables of heads and of methods."""
    programs = read_programs(paths.programs)
    index = read_index(paths.attention)
    validation, test = read_scores(paths.scores, "validation"), read_scores(paths.scores, "test")
    choices = choose(programs, validation, index.heads, index.causal, config.replacement.look_ahead)
    generator = np.random.default_rng(config.seed)
    selection = report_selection(programs, choices, validation, test, index.heads, config.scoring, generator)
    write_csv(paths.results / "heads.csv", selection.heads)
    write_csv(paths.results / "iou.csv", selection.iou)
    samples = config.scoring.bootstrap_samples
    sources = compare_sources(programs, validation, test, index.heads, samples, generator)
    write_csv(paths.results / "sources.csv", sources)


if __name__ == "__main__":
    run_stage("select", main)
