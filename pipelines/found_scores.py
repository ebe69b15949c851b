"""Comparison, stage 1: the programs found on one model, scored on the heads of another or the same."""

import sys

from attention_programs.comparison.found_programs import read_pool, score_found, scores_path, write_scores
from attention_programs.config import Config
from attention_programs.models.loading import best_device
from attention_programs.paths import Paths
from attention_programs.project.stage import run_stage
from attention_programs.scoring.workers import Workers


def main(config: Config, paths: Paths) -> None:
    """Writes the scores of the two profiles that the command line names."""
    programs_of, heads_of = sys.argv[1:]
    programs = read_pool(paths.root / "data" / programs_of / "found_programs.jsonl")
    workers = Workers(config.threads, config.scoring.memory_mib, best_device())
    folder, title = paths.root / "data" / heads_of / "attention", f"programs of {programs_of} on {heads_of}"
    write_scores(scores_path(paths.root, programs_of, heads_of), score_found(programs, folder, workers, title))


if __name__ == "__main__":
    run_stage("found_scores", main)
