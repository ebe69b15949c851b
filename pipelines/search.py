"""Stage 4: a program for every head, found by the search."""

import pandas as pd

from attention_programs.config import Config
from attention_programs.files import write_csv, write_json
from attention_programs.paths import Paths
from attention_programs.programs.library import load_written_for
from attention_programs.programs.record import write_programs
from attention_programs.project.stage import run_stage
from attention_programs.sparse_search.analyses import write_analyses
from attention_programs.sparse_search.profile_search import search_programs


def main(config: Config, paths: Paths) -> None:
    """Runs the search; curated programs only set the sizes of some programs."""
    folder = f"{config.synthesis.library}/{config.model.name}"
    by_hand = load_written_for(paths.root, folder, "curated") if config.synthesis.equal_size else []
    searched = search_programs(paths.attention, config.synthesis, paths.search, by_hand)
    write_programs(paths.found_programs, searched.programs)
    write_analyses(paths.analyses, searched.analyses)
    write_programs(paths.equal_size, searched.equal_size)
    write_json(paths.results / "search.json", searched.metrics)
    write_csv(paths.results / "terms.csv", pd.DataFrame(searched.path))


if __name__ == "__main__":
    run_stage("search", main)
