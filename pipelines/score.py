"""Stage 5: every program against every head on validation and test texts."""

from attention_programs.attention.store import read_index, read_maps
from attention_programs.config import Config, Paths
from attention_programs.files import write_json
from attention_programs.models.loading import best_device
from attention_programs.programs.table import read_programs
from attention_programs.progress import progress
from attention_programs.scoring.table import Workers, score_texts, write_scores
from attention_programs.stage import run_stage


def main(config: Config, paths: Paths) -> None:
    """Writes the score table."""
    programs = read_programs(paths.programs)
    causal = read_index(paths.attention).causal
    texts = list(read_maps(paths.attention, ["validation", "test"]))
    workers = Workers(config.threads, config.scoring.block_mib, best_device())
    tables = progress(score_texts(texts, programs, causal, workers), "scoring", len(texts), "texts")
    write_json(paths.results / "scoring.json", {"runs_by_status": write_scores(paths.scores, tables)})


if __name__ == "__main__":
    run_stage("score", main)
