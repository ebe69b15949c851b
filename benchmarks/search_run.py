"""One whole search on made-up texts and maps, alone in its process, so that its peak memory is its own.

Run by ``python -m benchmarks.search_run HEADS TEXTS TOKENS TERMS``; prints seconds and MiB as JSON.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from attention_programs.attention.packing import Packing
from attention_programs.attention.pattern_store import TextAttention
from attention_programs.config import SynthesisSettings, load_config
from attention_programs.programs.runtime import Program, run
from attention_programs.programs.view import TokenView
from attention_programs.sparse_search.search import Search, SearchData
from benchmarks.bench_vocabulary import WORDS, sparse_programs


def made_up(number: int, tokens: int, programs: list[Program]) -> TextAttention:
    """A random text with the map of each program, in half precision as maps are stored."""
    ids = np.random.default_rng(number).integers(0, len(WORDS), tokens).tolist()
    view = TokenView(ids, [WORDS[token] for token in ids])
    patterns = np.stack([run(program, view).weights for program in programs])  # type: ignore[union-attr]
    return TextAttention(
        ids=view.ids,
        token_strings=view.token_strings,
        causal=True,
        key=str(number),
        corpus="made up",
        split="train",
        entries=Packing(view.n, causal=True).pack(patterns),
    ).halved()


def main() -> None:
    """Makes texts and searches them."""
    heads, texts, tokens, terms = map(int, sys.argv[1:5])
    torch.set_num_threads(load_config(Path("params.yaml")).threads)
    programs = sparse_programs()[:heads]
    train = [made_up(number, tokens, programs) for number in range(texts)]
    validation = [made_up(texts + number, tokens, programs) for number in range(max(2, texts // 4))]
    start = time.monotonic()
    Search(SearchData(train, validation, SynthesisSettings(max_terms=terms), "cpu")).run()
    seconds = time.monotonic() - start
    print(json.dumps({"seconds": seconds, "peak_mib": peak_mib()}))


def peak_mib() -> float:
    """Most memory that this process ever held, MiB; ``getrusage`` counts the process that started it, too."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) / 1024


if __name__ == "__main__":
    main()
