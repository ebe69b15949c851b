"""One pass of a narrow model with 28 layers of 24 heads over 8 texts of 256 tokens, alone in its process.

Run by ``python -m benchmarks.replacement_run plain`` or ``replaced``, by programs of 8 terms; prints MiB as JSON.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

from attention_programs.config import load_config
from attention_programs.models.head import all_heads
from attention_programs.programs.record import make_record
from attention_programs.surrogate.intervention import PatchedModel
from benchmarks.bench_vocabulary import WORDS, sparse_sources
from benchmarks.search_run import peak_mib
from benchmarks.sized_model import Shape, sized_model

SHAPE = Shape(layers=28, heads=24, key_value_heads=8, width=192, inner_width=384, vocabulary=1024)
TEXTS, TOKENS, TERMS = 8, 256, 8


def main() -> None:
    """Runs the pass with the model as it is or with all heads replaced."""
    torch.set_num_threads(load_config(Path("params.yaml")).threads)
    model = sized_model(WORDS, SHAPE)
    heads = all_heads(SHAPE.layers, SHAPE.heads)
    programs = {
        head: make_record(source, f"program {number}", "search", "prefix_only", [str(head)], {})
        for number, (head, source) in enumerate(zip(heads, sparse_sources(TERMS, len(heads)), strict=True))
    }
    ids = torch.from_numpy(np.random.default_rng(0).integers(0, len(WORDS), (TEXTS, TOKENS)))
    with PatchedModel(model, programs if sys.argv[1] == "replaced" else {}), torch.inference_mode():
        model.model(input_ids=ids, use_cache=False)
    print(json.dumps({"peak_mib": peak_mib()}))


if __name__ == "__main__":
    main()
