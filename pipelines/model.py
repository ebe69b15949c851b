"""Stage 1: the language model, converted once."""

from attention_programs.config import Config
from attention_programs.models.fetching import fetch_model
from attention_programs.paths import Paths
from attention_programs.project.stage import run_stage
from attention_programs.surrogate.contract import check_architecture


def main(config: Config, paths: Paths) -> None:
    """Fetches, checks and converts the model, after checking that its heads can be read and replaced."""
    record = fetch_model(config.model, paths.model, paths.root, check_architecture)
    print(f"{record.name}: {record.layers} layers x {record.heads_per_layer} heads, {record.parameters:,} parameters")


if __name__ == "__main__":
    run_stage("model", main)
