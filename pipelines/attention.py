"""Stage 3: every head's attention pattern on every text."""

from attention_programs.attention.writing import extract_to_folder
from attention_programs.config import Config
from attention_programs.corpora.text import read_texts
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.project.stage import run_stage


def main(config: Config, paths: Paths) -> None:
    """Extracts the patterns; finished files of a killed run are kept."""
    texts = read_texts(paths.texts)
    extract_to_folder(load_model(paths.model, best_device()), texts, config.attention, paths.attention)


if __name__ == "__main__":
    run_stage("attention", main)
