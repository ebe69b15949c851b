"""Stage 5: the programs of all sources in one table."""

from attention_programs.config import Config
from attention_programs.files import write_csv, write_json, write_jsonl
from attention_programs.llm.collect_programs import collect_programs
from attention_programs.paths import Paths
from attention_programs.programs.record import write_programs
from attention_programs.project.stage import run_stage


def main(config: Config, paths: Paths) -> None:
    """Writes the program table."""
    collected = collect_programs(config, paths)
    write_programs(paths.programs, collected.programs)
    write_jsonl(paths.rejected, collected.rejected)
    write_csv(paths.results / "explainer.csv", collected.heads)
    write_json(paths.results / "synthesis.json", collected.metrics)


if __name__ == "__main__":
    run_stage("synthesize", main)
