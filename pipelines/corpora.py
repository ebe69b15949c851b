"""Stage 2: the texts and their splits."""

from attention_programs.config import Config
from attention_programs.corpora.near_duplicates import near_duplicates
from attention_programs.corpora.sources import load_corpus, load_test_rows
from attention_programs.corpora.splitting import check_disjoint, split_corpus
from attention_programs.corpora.text import describe, write_texts
from attention_programs.files import write_csv, write_json
from attention_programs.paths import Paths
from attention_programs.project.stage import run_stage


def main(config: Config, paths: Paths) -> None:
    """Reads, checks and splits every corpus."""
    texts = [
        text
        for source in config.corpora.sources
        for text in split_corpus(
            source.name,
            load_corpus(source, paths.root),
            config.corpora,
            config.seed,
            load_test_rows(source, paths.root),
        )
    ]
    check_disjoint(texts)
    write_texts(paths.texts, sorted(texts, key=lambda text: (text.split, text.key)))
    write_json(paths.results / "corpora.json", describe(texts))
    alike = near_duplicates(texts)
    for (corpus, split), rows in alike.groupby(["corpus", "split"]):
        print(f"{corpus}: {len(rows)} {split} texts share most of their wording with a training text of another corpus")
    write_csv(paths.results / "near_duplicates.csv", alike)


if __name__ == "__main__":
    run_stage("corpora", main)
