"""Stage 1: the model, its hash checked, converted once."""

from attention_programs.config import Config
from attention_programs.models.fetching import fetch_model
from attention_programs.paths import Paths
from attention_programs.stage import run_stage


def main(config: Config, paths: Paths) -> None:
    """Fetches and converts the model."""
    record = fetch_model(config.model, paths.model)
    print(f"{record.name}: {record.layers} layers x {record.heads_per_layer} heads, {record.parameters:,} parameters")


if __name__ == "__main__":
    run_stage("model", main)
