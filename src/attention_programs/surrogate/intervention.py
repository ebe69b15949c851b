"""The only place that changes attention: chosen heads' weights are replaced before they are applied to the values.

One attention function and its mask function are registered with transformers. It calls the architecture's own eager
attention, so all other heads are unchanged to the last bit, and then replaces the output of each replaced head by
(program's pattern) @ (values), or by a constant.
"""

import weakref
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint
from transformers import StaticCache

from attention_programs.errors import UserError
from attention_programs.models.architecture import decoder_layers, layer_window, token_stack
from attention_programs.models.attention_function import install, own_attention, place_of
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.programs.record import ProgramRecord
from attention_programs.programs.runner import Runner, TrustedRunner
from attention_programs.surrogate.batch_patterns import BatchPatterns, LayerPrograms, PlacedText
from attention_programs.surrogate.constant_output import ConstantOutput, Replaced
from attention_programs.surrogate.layer_plan import LayerPlan
from attention_programs.surrogate.padding import real_tokens, require_one_text_a_row
from attention_programs.surrogate.pattern_cache import PatternCache
from attention_programs.surrogate.skipped_projections import query_and_key, skip

IMPLEMENTATION = "attention_programs"
LARGEST_KEPT = 2**24
"""Bytes of a layer's weights, in single precision, that a pass with gradients keeps. Several arrays of the size are
kept; larger ones are computed again for the gradient."""


def pattern_cache(loaded: LoadedModel, runner: Runner | None = None) -> PatternCache:
    """A store of patterns on a model's texts; the caller closes the runner, without one only trusted programs run."""
    return PatternCache(loaded.sequence, runner or TrustedRunner())


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Attention as the architecture computes it, except for replaced heads.

    Shapes: query (batch, heads, queries, d), key and value (batch, key-value heads, keys, d); the output is
    (batch, queries, heads, d) and the weights are (batch, heads, queries, keys).
    """
    plan: LayerPlan | None = place_of(module)
    if plan is not None:
        plan.uses += 1
        plan = replace(plan)  # as it is now, should it be computed again
    compute = partial(_computed, module, plan)
    if torch.is_grad_enabled() and 4 * query.shape[:3].numel() * key.shape[2] > LARGEST_KEPT:
        found: tuple[torch.Tensor, torch.Tensor] = checkpoint(
            compute, query, key, value, attention_mask, use_reentrant=False, preserve_rng_state=False, **kwargs
        )
        return found
    return compute(query, key, value, attention_mask, **kwargs)


def _computed(
    module: Any,
    plan: LayerPlan | None,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    eager = own_attention(module)
    if plan is None:
        output, weights = eager(module, query, key, value, attention_mask, **kwargs)
        return output, weights
    if plan.scores_unused:  # neither they nor their gradients need to be computed
        new = _patterns(plan, query, key, value, attention_mask)
        return plan.outputs(new, value, query.shape[1]).contiguous(), new
    output, weights = eager(module, query, key, value, attention_mask, **kwargs)
    output, weights = output.clone(), weights.clone()
    if plan.heads:
        new = _patterns(plan, query, key, value, attention_mask)
        if plan.gates is not None:
            own = weights[:, plan.heads]
            new = own + plan.gates[:, :, None, None].to(own) * (new - own)
        output[:, :, plan.heads] = plan.outputs(new.to(value.dtype), value, query.shape[1]).to(output.dtype)
        weights[:, plan.heads] = new.to(weights.dtype)
    for head, constant in plan.constants.items():
        output[:, :, head] = constant.to(output)
    return output, weights


def _patterns(
    plan: LayerPlan, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    """The programs' patterns, where the values are and in their precision."""
    return plan.patterns(query.shape[2], key.shape[2], mask).to(device=value.device, dtype=value.dtype)


@dataclass
class PatchedModel:
    """A model with some heads replaced; restored by :meth:`restore` or at the end of a ``with`` block.

    Args:
        loaded: The model; it is changed in place until restored.
        assignment: Replacement of each replaced head; may be empty.
        cache: Patterns shared between surrogates; by default a new cache.
        look_ahead: Names of programs that are allowed in a causal model although they look ahead.

    Raises:
        UserError: if a head does not exist, or a program looks ahead and is not in ``look_ahead``.
    """

    loaded: LoadedModel
    assignment: Replaced
    cache: PatternCache | None = None
    look_ahead: Collection[str] = ()
    _undo: list[Callable[[], None]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        record = self.loaded.record
        for head in self.assignment:
            if head not in record.heads:
                raise UserError(f"head {head} does not exist in {record.name}, which has {record.layers} layers of "
                                f"{record.heads_per_layer} heads")  # fmt: skip
        programs = {head: each for head, each in self.assignment.items() if not isinstance(each, ConstantOutput)}
        for head, program in programs.items():
            if record.causal and not program.may_go_into_a_causal_model(self.look_ahead):
                raise UserError(
                    f"program {program.name!r} for head {head} looks ahead, and {record.name} is causal; choose "
                    "another program, or name it in replacement.look_ahead"
                )
        cache = self.cache or pattern_cache(self.loaded)
        self._by_layer: dict[int, list[tuple[Head, ProgramRecord]]] = {head.layer: [] for head in self.assignment}
        for head in sorted(programs):
            self._by_layer[head.layer].append((head, programs[head]))
        of_layers = {layer: [program for _, program in pairs] for layer, pairs in self._by_layer.items() if pairs}
        self._programs = LayerPrograms(of_layers, cache, self.model.device)
        self._history: weakref.WeakKeyDictionary[Any, torch.Tensor] = weakref.WeakKeyDictionary()
        self._keyless: weakref.WeakSet[Any] = weakref.WeakSet()
        self._pending: torch.Tensor | None = None
        self._install()

    @property
    def model(self) -> Any:
        """The patched transformers model."""
        return self.loaded.model

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""
        return self.loaded.tokenizer

    def __enter__(self) -> "PatchedModel":
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()

    def _install(self) -> None:
        config = self.model.config
        self._plans = {
            layer: LayerPlan(
                [head.index for head, _ in pairs],
                windowed=bool(layer_window(config, layer)),
                whole=len(pairs) == self.loaded.record.heads_per_layer,
                constants={
                    head.index: each.vector
                    for head, each in self.assignment.items()
                    if head.layer == layer and isinstance(each, ConstantOutput)
                },
            )
            for layer, pairs in self._by_layer.items()
        }
        layers = decoder_layers(self.model)
        places = [self._plans.get(layer) for layer in range(len(layers))]
        self._undo = [install(self.model, IMPLEMENTATION, _attention, places)]
        whole = [(layers[layer], plan) for layer, plan in self._plans.items() if plan.whole]
        skipped = [skip(each, plan) for layer, plan in whole for each in query_and_key(layer, config)]
        self._skips = bool(skipped)
        self._undo += skipped
        stack = token_stack(self.model)
        self._undo += [
            stack.register_forward_pre_hook(self._prepare, with_kwargs=True).remove,
            stack.register_forward_hook(self._remember, with_kwargs=True).remove,
        ]

    def restore(self) -> None:
        """Restores the model's own attention."""
        for undo in self._undo:
            undo()
        self._undo = []

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Restores the model's own attention for the duration of a ``with`` block."""
        self.restore()
        try:
            yield
        finally:
            self._install()

    @contextmanager
    def gated(self, gates: Mapping[Head, torch.Tensor]) -> Iterator[None]:
        """Blends the own pattern of each head that a program replaces with its program's; 0 is the head, 1 the program.

        Args:
            gates: For each of these heads one number per text of the batch, shape (batch,).
        """
        for layer, pairs in ((layer, pairs) for layer, pairs in self._by_layer.items() if pairs):
            self._plans[layer].gates = torch.stack([gates[head] for head, _ in pairs], dim=1)
        try:
            yield
        finally:
            for plan in self._plans.values():
                plan.gates = None

    def _prepare(self, _module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        ids = args[0] if args else kwargs.get("input_ids")
        if ids is None:
            raise UserError("a surrogate needs input_ids, as programs read tokens; pass them instead of embeddings")
        past = kwargs.get("past_key_values")
        if isinstance(past, StaticCache):
            raise UserError("a surrogate needs a key-value cache that grows with the text; omit cache_implementation")
        known = past.get_seq_length() if past is not None else 0
        if known:
            history = self._history.get(past)
            if history is None or history.shape[0] != ids.shape[0] or history.shape[1] < known:
                raise UserError(
                    "the key-value cache was filled without this surrogate or for another batch; start with a new one"
                )
            if past in self._keyless and any(plan.whole and not plan.scores_unused for plan in self._plans.values()):
                raise UserError(
                    "the key-value cache was filled while programs alone were used and lacks the keys of replaced "
                    "heads, which gates need; start with a new one"
                )
            ids = torch.cat([history[:, :known], ids.to(history.device)], dim=1)
        self._pending = ids
        if past is not None:
            self._follow(past, ids)
        if not self._plans:
            return
        for plan in self._plans.values():
            plan.uses = 0
        real = real_tokens(kwargs.get("attention_mask"), ids)
        require_one_text_a_row(kwargs.get("position_ids"), real[:, known:])
        self._fill(ids.cpu().numpy(), real.cpu().numpy(), known)

    def _follow(self, cache: Any, ids: torch.Tensor) -> None:
        """Tracks which tokens a cache contains, including when its rows are reordered or chosen."""
        if cache not in self._history:
            cache.reorder_cache = self._with_history(cache, cache.reorder_cache)
            cache.batch_select_indices = self._with_history(cache, cache.batch_select_indices)
        self._history[cache] = ids
        if self._skips and any(plan.scores_unused for plan in self._plans.values()):
            self._keyless.add(cache)

    def _with_history(self, cache: Any, choose: Callable[[torch.Tensor], None]) -> Callable[[torch.Tensor], None]:
        """What chooses rows of a cache, by their numbers, made to choose the same ones of its tokens."""

        def choose_both(rows: torch.Tensor) -> None:
            choose(rows)
            self._history[cache] = self._history[cache].index_select(0, rows.to(self._history[cache].device))

        return choose_both

    def _fill(self, ids: np.ndarray, real: np.ndarray, known: int) -> None:
        """Lets each layer compute its weights when it needs them."""
        texts = []
        for row, mask in zip(ids, real, strict=True):
            places = np.flatnonzero(mask)
            texts.append(PlacedText(tuple(row[places].tolist()), places, int(np.searchsorted(places, known))))
        patterns = BatchPatterns(self._programs, texts, ids.shape[1] - known, ids.shape[1])
        for layer, plan in self._plans.items():
            plan.weights = partial(patterns.of_layer, layer)

    def _remember(self, _module: Any, _args: Any, _kwargs: dict[str, Any], output: Any) -> None:
        """After a forward pass, verifies the replacement, and tracks the tokens of a cache that the model created."""
        made = getattr(output, "past_key_values", None)
        if made is not None and self._pending is not None:
            self._follow(made, self._pending)
        self._pending = None
        wrong = {layer: plan.uses for layer, plan in self._plans.items() if plan.uses != 1}
        for plan in self._plans.values():
            plan.weights = None
        if wrong:
            layer, uses = next(iter(wrong.items()))
            raise UserError(
                f"layer {layer} of {self.loaded.record.name} used its programs' patterns {uses} times in a forward "
                f"pass instead of once, so its heads were not replaced correctly; {type(self.model).__name__} is not "
                "supported"
            )
