"""Stage 5: the programs of all sources in one table."""

from attention_programs.config import Config
from attention_programs.files import write_csv, write_json, write_jsonl
from attention_programs.llm.gathering import gather
from attention_programs.paths import Paths
from attention_programs.programs.table import write_programs
from attention_programs.project.stage import run_stage


def main(config: Config, paths: Paths) -> None:
    """Makes the program table."""
    gathered = gather(config, paths)
    write_programs(paths.programs, gathered.programs)
    write_jsonl(paths.refused, gathered.refused)
    write_csv(paths.results / "explainer.csv", gathered.explained)
    write_json(paths.results / "synthesis.json", gathered.metrics)


if __name__ == "__main__":
    run_stage("synthesize", main)
