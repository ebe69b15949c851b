"""Stage 4: programs, found and written."""

import pandas as pd

from attention_programs.config import Config
from attention_programs.files import write_csv, write_json, write_jsonl
from attention_programs.paths import Paths
from attention_programs.programs.table import write_programs
from attention_programs.stage import run_stage
from attention_programs.synthesis.synthesizer import synthesize
from attention_programs.synthesis.variants import write_variants


def main(config: Config, paths: Paths) -> None:
    """Makes the program table."""
    synthesis = synthesize(paths.attention, config.synthesis, config.sandbox, config.threads, paths.search)
    write_programs(paths.programs, synthesis.programs)
    write_variants(paths.variants, synthesis.variants)
    write_jsonl(paths.refused, synthesis.refused)
    write_json(paths.results / "synthesis.json", synthesis.metrics)
    write_csv(paths.results / "terms.csv", pd.DataFrame(synthesis.path))


if __name__ == "__main__":
    run_stage("synthesize", main)
