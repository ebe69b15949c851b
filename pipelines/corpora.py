"""Stage 2: the texts and their splits."""

from attention_programs.config import Config
from attention_programs.corpora.loading import load_corpus, load_test_rows
from attention_programs.corpora.splitting import check_disjoint, split_corpus
from attention_programs.corpora.text import describe, write_texts
from attention_programs.files import write_json
from attention_programs.paths import Paths
from attention_programs.stage import run_stage


def main(config: Config, paths: Paths) -> None:
    """Reads, checks and splits every corpus."""
    texts = [
        text
        for source in config.corpora.sources
        for text in split_corpus(source.name, load_corpus(source), config.corpora, config.seed, load_test_rows(source))
    ]
    check_disjoint(texts)
    write_texts(paths.texts, sorted(texts, key=lambda text: (text.split, text.key)))
    write_json(paths.results / "corpora.json", describe(texts))


if __name__ == "__main__":
    run_stage("corpora", main)
