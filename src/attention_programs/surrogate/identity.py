"""The identity test: replacing heads by their own patterns must change nothing, by wrong ones something."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from attention_programs.attention.extraction import extract
from attention_programs.errors import UserError
from attention_programs.models.head import Head, choose_heads
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.methods import BASELINE
from attention_programs.programs.record import ProgramRecord, make_record
from attention_programs.programs.runner import TrustedRunner
from attention_programs.surrogate.intervention import PatchedModel
from attention_programs.surrogate.pattern_cache import PatternArray, PatternCache

PROBE = (
    "The old fisherman, who had lost his net, smiled. \"I have 2 nets,\" he said; 'take one.'\nif x > 3:\n    print(x)"
)
TOLERANCE = {"float32": 1e-3, "float64": 1e-6, "float16": 0.2, "bfloat16": 0.5}
"""Largest logit change that rounding can explain, by precision of the model."""


class _GivenPatterns(PatternCache):
    def __init__(self, loaded: LoadedModel, given: dict[tuple[tuple[int, ...], str], PatternArray]) -> None:
        super().__init__(loaded.sequence, TrustedRunner())
        self._given = given

    def get(self, ids: tuple[int, ...], record: ProgramRecord) -> PatternArray:
        return self._given[ids, record.name]


@dataclass(frozen=True)
class Identity:
    """Largest absolute logit changes when heads get patterns with a known effect."""

    own: float
    """With each head's own pattern: only rounding, if the intervention is exact."""
    wrong: float
    """When the rows of that pattern are then reversed; 0 if patterns have no effect.

    It may be below ``own``: a single weak head can matter less than the rounding of a 16-bit model.
    """

    @property
    def proved(self) -> bool:
        """Whether a head's pattern has any effect."""
        return self.wrong > 0


@torch.inference_mode()
def identity_of(loaded: LoadedModel, heads: Sequence[Head], texts: Sequence[Sequence[int]]) -> Identity:
    """Replaces ``heads`` by their own patterns and by wrong ones on ``texts``.

    Raises:
        UserError: if a head does not exist, or a replaced layer does not use its patterns.
    """
    record = loaded.record
    wanted = choose_heads(map(str, heads), record.layers, record.heads_per_layer)
    if not wanted:
        return Identity(0.0, math.inf)
    source = 'def program(text):\n    """Stands for the head\'s own pattern."""\n    return text.uniform\n'
    assignment = {head: make_record(source, str(head), BASELINE, "prefix_only", [str(head)], {}) for head in wanted}
    changes = []
    for text in texts:
        (found,) = next(extract(loaded, [[text]], wanted))
        own = found.patterns.astype(np.float32)
        ids = torch.tensor([list(text)], device=loaded.model.device)
        logits = [loaded.model(input_ids=ids).logits]
        for patterns in (own, _turned(own, record.causal)):
            known = {(tuple(text), str(head)): patterns[slot] for slot, head in enumerate(wanted)}
            with PatchedModel(loaded, assignment, _GivenPatterns(loaded, known)):
                logits.append(loaded.model(input_ids=ids).logits)
        changes += [float((after - before).abs().max()) for before, after in pairwise(logits)]
    if not changes:
        return Identity(0.0, math.inf)
    return Identity(float(np.max(changes[::2])), float(np.max(changes[1::2])))  # NaN if any is


def _turned(patterns: PatternArray, causal: bool) -> PatternArray:
    """Patterns with each row reversed over the tokens that it sees."""
    turned = np.zeros_like(patterns)
    for row in range(patterns.shape[-1]):
        seen = row + 1 if causal else patterns.shape[-1]
        turned[:, row, :seen] = patterns[:, row, :seen][:, ::-1]
    return turned


def check_identity(loaded: LoadedModel, heads: Sequence[Head]) -> Identity:
    """Runs the identity test: a head's own pattern must change nothing, a wrong one must change something.

    Raises:
        UserError: if own patterns change more than rounding explains, or wrong ones change nothing.
    """
    found = identity_of(loaded, heads, [loaded.encode(PROBE, 64)])
    record = loaded.record
    allowed = TOLERANCE.get(record.dtype, TOLERANCE["float32"])
    if not found.own <= allowed:  # which is also so if it is NaN
        raise UserError(
            f"replacing heads of {record.name} by their own patterns changes a logit by {found.own:.3g} (allowed "
            f"{allowed}); this version of transformers is not supported for {record.architecture}"
        )
    if not found.proved:
        raise UserError(
            f"heads of {record.name} give the same logits with wrong patterns as with their own: the replacement has "
            f"no effect; {record.architecture} is not supported"
        )
    return found
