"""Writing attention patterns to disk; files are named after their contents, so that a killed run can resume."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import datasets
import numpy as np
from datasets.arrow_writer import ArrowWriter

from attention_programs.attention.extraction import extract
from attention_programs.attention.packing import Packing, sampled_rows
from attention_programs.attention.pattern_store import INDEX_NAME, SCHEMA_VERSION, AttentionIndex, TextAttention
from attention_programs.checkpoint import Checkpoint
from attention_programs.config import AttentionSettings
from attention_programs.corpora.text import Text
from attention_programs.errors import UserError
from attention_programs.files import free_bytes, sha256_text, write_json
from attention_programs.models.architecture import shortest_window
from attention_programs.models.head import choose_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.progress import progress

FEATURES = datasets.Features(
    {
        **{name: datasets.Value("string") for name in ("key", "corpus", "split")},
        "ids": datasets.List(datasets.Value("int32")),
        "pieces": datasets.List(datasets.Value("string")),
        **{name: datasets.List(datasets.Value("int32")) for name in ("starts", "ends")},
        "attention": datasets.LargeList(datasets.Value("float16")),
    }
)


def _row(text: TextAttention) -> dict[str, object]:
    lengths = np.array([len(token_string) for token_string in text.token_strings])
    return {
        "key": text.key,
        "corpus": text.corpus,
        "split": text.split,
        "ids": list(text.ids),
        "pieces": list(text.token_strings),
        "starts": (np.cumsum(lengths) - lengths).tolist(),
        "ends": np.cumsum(lengths).tolist(),
        "attention": text.entries.astype(np.float16).reshape(-1),
    }


def _shard_name(
    loaded: LoadedModel, texts: Sequence[Text], encoded: Mapping[str, list[int]], heads: list[str], max_rows: int
) -> str:
    """Names a file after everything it depends on; a text's key ignores case and white space, so ids are included."""
    parts = [
        str(SCHEMA_VERSION),
        loaded.record.weights_sha256,
        *heads,
        *([f"rows {max_rows}"] if any(sampled_rows(len(encoded[t.key]), max_rows) for t in texts) else []),
        *(f"{t.corpus}/{t.split}/{t.key} {encoded[t.key]} {loaded.token_strings(encoded[t.key])}" for t in texts),
    ]
    return f"maps-{sha256_text(' '.join(parts))[:16]}.arrow"


def _encode(loaded: LoadedModel, texts: Sequence[Text], max_tokens: int) -> dict[str, list[int]]:
    encoded = {text.key: loaded.encode(text.content, max_tokens) for text in texts}
    window, longest = shortest_window(loaded.model.config), max(map(len, encoded.values()), default=0)
    if window and longest > window:
        raise UserError(
            f"attention.max_tokens allows {longest} tokens, but some layers of {loaded.record.name} see only the last "
            f"{window}: programs would be scored on what the heads can't see; lower it"
        )
    rows = len(loaded.model.get_input_embeddings().weight)
    for text in texts:
        ids = encoded[text.key]
        if len(ids) <= loaded.template.tokens:
            raise UserError(
                f"text {text.key} of corpus {text.corpus!r} has no tokens: {text.content[:40]!r}; remove it"
            )
        if max(ids) >= rows:
            raise UserError(
                f"text {text.key} of corpus {text.corpus!r} has token {max(ids)}, "
                f"{loaded.token_strings([max(ids)])[0]!r}, but {loaded.record.name} has embeddings for only {rows} "
                "tokens; remove the token from its tokenizer.json"
            )
    return encoded


def shards_of(texts: Sequence[Text], settings: AttentionSettings) -> list[Sequence[Text]]:
    """The texts of each file."""
    return [texts[i : i + settings.shard_texts] for i in range(0, len(texts), settings.shard_texts)]


def extract_to_folder(
    loaded: LoadedModel,
    texts: Sequence[Text],
    settings: AttentionSettings,
    folder: Path,
    elsewhere: Callable[[Sequence[int]], None] | None = None,
) -> AttentionIndex:
    """Extracts every text's patterns into ``folder``; existing files are kept.

    Args:
        loaded: The model.
        texts: The texts.
        settings: Which patterns, and how many texts there are in a file.
        folder: Where files are written.
        elsewhere: Has other processes call :func:`write_shard` for the files of these numbers; if None, this one does.

    Raises:
        UserError: if a head does not exist, a text is empty or too long, or there is too little disk space.
    """
    record = loaded.record
    heads = choose_heads(settings.heads, record.layers, record.heads_per_layer)
    names = [str(head) for head in heads]
    encoded = _encode(loaded, texts, settings.max_tokens)
    shards = shards_of(texts, settings)
    max_rows = _rows_kept(loaded, settings)
    files = [_shard_name(loaded, shard, encoded, names, max_rows) for shard in shards]
    lengths = [len(ids) for ids in encoded.values()]
    entries = sum(Packing(n, record.causal, sampled_rows(n, max_rows)).entries for n in lengths)
    if any(sampled_rows(n, max_rows) for n in lengths):
        print(f"attention patterns: {max_rows} rows of a longer text are kept, the first {max_rows // 2} of them all")
    folder.mkdir(parents=True, exist_ok=True)
    finished = Checkpoint(folder)
    _check_space(folder, files, 2 * len(heads) * entries)
    finished.keep_only([*files, INDEX_NAME])
    todo = [number for number, file in enumerate(files) if not finished.has(file)]
    if elsewhere is not None:
        elsewhere(todo)
    else:
        for number in progress(todo, "attention", unit="files"):
            write_shard(loaded, shards[number], settings, folder)
    index = AttentionIndex(
        schema_version=SCHEMA_VERSION,
        model=record.name,
        weights_sha256=record.weights_sha256,
        causal=record.causal,
        max_tokens=settings.max_tokens,
        heads=names,
        shards=files,
        token_style=loaded.token_style,
        max_rows=max_rows,
    )
    write_json(folder / INDEX_NAME, asdict(index))
    return index


def _rows_kept(loaded: LoadedModel, settings: AttentionSettings) -> int:
    return settings.max_rows if loaded.record.causal else 0


def write_shard(loaded: LoadedModel, shard: Sequence[Text], settings: AttentionSettings, folder: Path) -> None:
    """Extracts the patterns of one file's texts and writes the file."""
    record, max_rows = loaded.record, _rows_kept(loaded, settings)
    heads = choose_heads(settings.heads, record.layers, record.heads_per_layer)
    encoded = _encode(loaded, shard, settings.max_tokens)
    file = _shard_name(loaded, shard, encoded, [str(head) for head in heads], max_rows)
    batches = [
        [encoded[text.key] for text in shard[i : i + settings.batch_texts]]
        for i in range(0, len(shard), settings.batch_texts)
    ]
    patterns = [one for batch in extract(loaded, batches, heads, max_rows) for one in batch]
    with Checkpoint(folder).writing(file) as unfinished:
        writer = ArrowWriter(features=FEATURES, path=str(unfinished))
        for text, mapped in zip(shard, patterns, strict=True):
            writer.write(_row(mapped.of(text)))
        writer.finalize()


def _check_space(folder: Path, files: Sequence[str], need: int) -> None:
    done = sum((folder / file).stat().st_size for file in files if (folder / file).is_file())
    print(f"attention patterns: {need / 2**20:.0f} MiB on disk, of which {done / 2**20:.0f} MiB exist")
    if free_bytes(folder) < need - done:
        raise UserError(
            f"{folder}: {need / 2**20:.0f} MiB are needed, but only {free_bytes(folder) / 2**20:.0f} MiB are free; "
            "free some space or lower attention.max_rows"
        )
