"""Texts for a notebook: from a shipped corpus, a file or a list, divided into splits."""

from collections.abc import Sequence
from pathlib import Path

from attention_programs.config import CorporaSettings, CorpusSettings
from attention_programs.corpora.sources import load_corpus
from attention_programs.corpora.splitting import split_corpus
from attention_programs.corpora.text import Text
from attention_programs.errors import UserError

SHIPPED = Path(__file__).parents[1] / "shipped" / "corpora"
"""The shipped corpora, in a checkout and in the wheel."""


def texts(
    source: str | Path | Sequence[str],
    *,
    limit: int = 0,
    validation_share: float = 0.2,
    test_share: float = 0.25,
    seed: int = 0,
) -> tuple[Text, ...]:
    """Texts with their splits: ``train`` to fit on, ``validation`` to choose on, ``test`` to report.

    Texts that share more than half of their wording go into the same split.

    Args:
        source: Name of a shipped corpus (``stories``, ``code``, ``mathematics``), path of a JSONL file with a
            ``text`` on each line, or the texts themselves.
        limit: Maximum number of texts, from the start of the source; 0 is all.
        validation_share: Share of the texts that go into ``validation``.
        test_share: Share of the texts that go into ``test``.
        seed: Seed of the split.

    Raises:
        UserError: if there is no such corpus or file, a row breaks a rule, or there are too few texts for three splits.

    >>> found = texts([f"Text number {name} is about {name}s." for name in "cat dog cow pig hen owl".split()])
    >>> sorted({text.split for text in found}), found[0].corpus
    (['test', 'train', 'validation'], 'texts')
    """
    if not isinstance(source, str | Path):
        name, contents = "texts", [str(text) for text in source]
    else:
        path = _file_of(source)
        name, contents = path.stem, load_corpus(CorpusSettings(path.stem, "file", str(path.resolve())))
    settings = CorporaSettings(name, (), validation_share, test_share)
    return tuple(split_corpus(name, contents[: limit or None], settings, seed))


def _file_of(source: str | Path) -> Path:
    shipped = {path.stem: path for path in sorted(SHIPPED.glob("*.jsonl"))}
    path = shipped.get(str(source), Path(source))
    if not path.is_file():
        names = ", ".join(shipped)
        raise UserError(f"texts: {str(source)!r} is neither a JSONL file nor a shipped corpus ({names})")
    return path
