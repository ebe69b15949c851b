"""Stage 3: every head's attention pattern on every text."""

from functools import partial

from attention_programs.attention.shard_tasks import AttentionJob
from attention_programs.attention.writing import extract_to_folder
from attention_programs.config import Config
from attention_programs.corpora.text import read_texts
from attention_programs.files import sha256_file
from attention_programs.models.loading import best_device, load_model
from attention_programs.paths import Paths
from attention_programs.project.stage import run_stage
from attention_programs.tasks import workplace


def main(config: Config, paths: Paths) -> None:
    """Extracts the patterns; finished files of a killed run are kept."""
    texts, loaded = read_texts(paths.texts), load_model(paths.model, best_device())
    job = AttentionJob(
        paths.model.absolute(),
        loaded.record.weights_sha256,
        best_device(),
        config.threads,
        paths.texts.absolute(),
        sha256_file(paths.texts),
        config.attention,
        paths.attention.absolute(),
    )
    with workplace(paths.root) as place:
        elsewhere = partial(job.write, place=place) if place.is_cluster else None
        extract_to_folder(loaded, texts, config.attention, paths.attention, elsewhere)


if __name__ == "__main__":
    run_stage("attention", main)
