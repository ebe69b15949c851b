"""The identity test: replacing heads by their own maps changes nothing."""

from collections.abc import Sequence

import numpy as np
import torch

from attention_programs.attention.extraction import extract
from attention_programs.attention.packing import unpack
from attention_programs.config import SandboxSettings
from attention_programs.errors import UserError
from attention_programs.heads import Head, choose_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.execution import Runner
from attention_programs.programs.table import ProgramRecord, make_record
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.maps import MapCache, Maps

PROBE = (
    "The old fisherman, who had lost his net, smiled. \"I have 2 nets,\" he said; 'take one.'\nif x > 3:\n    print(x)"
)
TOLERANCE = {"float32": 1e-3, "float64": 1e-6, "float16": 0.2, "bfloat16": 0.5}
"""Largest change of a logit that rounding explains, by precision of the model."""


class _OwnMaps(MapCache):
    """Hands out the model's own maps instead of a program's."""

    def __init__(self, loaded: LoadedModel, own: dict[tuple[tuple[int, ...], str], Maps]) -> None:
        super().__init__(loaded.pieces, loaded.record.causal, Runner(SandboxSettings(), 1, loaded.token_style))
        self._own = own

    def get(self, ids: tuple[int, ...], record: ProgramRecord) -> Maps:
        return self._own[ids, record.name]


@torch.inference_mode()
def identity_error(loaded: LoadedModel, heads: Sequence[Head], texts: Sequence[Sequence[int]]) -> float:
    """Largest absolute change of a logit when ``heads`` are replaced by their own maps on ``texts``.

    Raises:
        UserError: if a head does not exist.
    """
    record = loaded.record
    wanted = choose_heads(map(str, heads), record.layers, record.heads_per_layer)
    if not wanted:
        return 0.0
    own: dict[tuple[tuple[int, ...], str], Maps] = {}
    worst = 0.0
    for text in texts:
        (maps,) = next(extract(loaded, [[text]], wanted))
        square = unpack(maps.cells, len(text), loaded.record.causal).astype(np.float32)
        own.update({(tuple(text), str(head)): square[slot] for slot, head in enumerate(wanted)})
    source = 'def program(text):\n    """Stands for the head\'s own map."""\n    return text.uniform\n'
    assignment = {head: make_record(source, str(head), "baseline", "verified", [str(head)], {}) for head in wanted}
    for text in texts:
        ids = torch.tensor([list(text)], device=loaded.model.device)
        intact = loaded.model(input_ids=ids).logits
        with PatchedModel(loaded, assignment, _OwnMaps(loaded, own)):
            patched = loaded.model(input_ids=ids).logits
        worst = max(worst, float((patched - intact).abs().max()))
    return worst


def check_identity(loaded: LoadedModel, heads: Sequence[Head], texts: Sequence[str] = ()) -> float:
    """Runs the identity test and returns the largest change of a logit.

    Raises:
        UserError: if it is more than rounding explains.
    """
    encoded = [loaded.encode(text, 64) for text in texts or (PROBE,)]
    error = identity_error(loaded, heads, encoded)
    allowed = TOLERANCE.get(loaded.record.dtype, TOLERANCE["float32"])
    if error > allowed:
        raise UserError(
            f"replacing heads of {loaded.record.name} by their own maps changes a logit by {error:.3g} (allowed "
            f"{allowed}); this version of transformers is not supported for {loaded.record.architecture}"
        )
    return error
