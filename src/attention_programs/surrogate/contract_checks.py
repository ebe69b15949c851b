"""What an architecture must do for its heads to be explained and replaced: one named check for each property.

The model stage runs the checks on a small random model of the loaded model's configuration; the tests run them on every
family of architectures.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from attention_programs.attention.extraction import extract
from attention_programs.errors import UserError
from attention_programs.models.architecture import layer_window, shortest_window
from attention_programs.models.head import Head
from attention_programs.models.loading import LoadedModel
from attention_programs.models.positions import position_inputs
from attention_programs.programs.methods import BASELINE
from attention_programs.programs.record import ProgramRecord, make_record
from attention_programs.surrogate.identity import identity_of
from attention_programs.surrogate.intervention import PatchedModel, pattern_cache

SHORT, LONG = 7, 20
"""Lengths of the test texts: within and beyond the small model's window."""
PADDED = 12
"""Length of a text that is padded to the longer one."""
TOLERANCE = {"float32": 5e-4, "float16": 0.25, "bfloat16": 0.25}
"""Largest change of a logit that rounding can explain, relative to the largest logit, by precision.

In 16 bits an exact replacement may look like a small error (Gemma 3n makes much of rounding): there a check finds that
something fails or is grossly wrong, and the one in single precision that it is exact.
"""

ROUNDING = 1e-6
"""Largest difference of a weight between a program and the same program compiled."""


@dataclass(frozen=True)
class Trial:
    """A small model, programs for some of its heads, and a text."""

    loaded: LoadedModel
    assignment: Mapping[Head, ProgramRecord]
    ids: torch.Tensor
    """Different tokens, shape (1, ``LONG``)."""

    @classmethod
    def of(cls, loaded: LoadedModel, tokens: Sequence[int]) -> "Trial":
        """Programs for two heads of every other layer, beginning with the first, and for all heads of the others."""
        programs = [_program("text.previous_token"), _program("text.softmax(text.first_token - text.log_distance)")]
        heads = [head for head in loaded.record.heads if head.layer % 2 or head.index in (1, 2)]
        return cls(loaded, {head: programs[head.index % 2] for head in heads}, torch.tensor([tokens[:LONG]]))

    @property
    def config(self) -> Any:
        """The model's configuration."""
        return self.loaded.model.config

    @property
    def precision(self) -> str:
        """The model's data type."""
        return self.loaded.record.dtype

    def logits(self, ids: torch.Tensor, **inputs: Any) -> torch.Tensor:
        """The model's logits, shape (batch, tokens, vocabulary)."""
        return self.loaded.model(input_ids=ids, **inputs).logits.float()

    def same(self, found: torch.Tensor, expected: torch.Tensor, cause: str) -> None:
        """Compares logits.

        Raises:
            UserError: naming ``cause``, if they differ by more than rounding.
        """
        change = float((found - expected).abs().max() / expected.abs().max())
        if not change <= TOLERANCE[self.precision]:  # which is also so if a logit is NaN
            raise UserError(f"{cause} changes a logit by {change:.1g} of the largest")


def _program(expression: str) -> ProgramRecord:
    source = f'def program(text):\n    """Stands for any program."""\n    return {expression}\n'
    return make_record(source, expression, BASELINE, "prefix_only", [], {})


def weights_are_readable(trial: Trial) -> None:
    """Every layer returns its weights, and they sum to 1 over the tokens."""
    seen = trial.loaded.model(input_ids=trial.ids, output_attentions=True).attentions or ()
    if trial.loaded.record.causal and any(weights is not None and weights.triu(1).any() for weights in seen):
        raise UserError("tokens attend to later ones, but a class of causal models was asked for")
    next(extract(trial.loaded, [trial.ids.tolist()], trial.loaded.record.heads))


def own_patterns_change_nothing(trial: Trial) -> None:
    """Heads replaced by their own patterns leave the logits as they are, and wrong patterns change them.

    All heads of one layer at a time, whose scores are not computed, and some heads of every layer together.
    """
    record, text = trial.loaded.record, trial.ids[0].tolist()
    largest = float(trial.logits(trial.ids).abs().max())
    groups = {f"layer {layer}": [h for h in record.heads if h.layer == layer] for layer in range(record.layers)}
    groups["every layer"] = [head for head in record.heads if head.index in (0, record.heads_per_layer - 1)]
    for place, heads in groups.items():
        found = identity_of(trial.loaded, heads, [text])
        if not found.own <= TOLERANCE[trial.precision] * largest or not found.proved:
            raise UserError(
                f"replacing heads of {place} by their own patterns changes a logit by {found.own / largest:.1g} of the "
                f"largest, by wrong patterns {found.wrong / largest:.1g}"
            )


def _read_back(trial: Trial, ids: torch.Tensor) -> None:
    patterns = pattern_cache(trial.loaded)
    with PatchedModel(trial.loaded, trial.assignment, patterns):
        seen = trial.loaded.model(input_ids=ids, output_attentions=True).attentions
    for head, program in trial.assignment.items():
        expected = torch.tensor(patterns.get(tuple(ids[0].tolist()), program))
        visible = _visible(trial, head.layer, ids.shape[1])
        inside = expected * visible
        sums = inside.sum(dim=-1, keepdim=True)
        expected = torch.where(sums > 0, inside / sums.clamp(min=1e-30), visible / visible.sum(dim=-1, keepdim=True))
        found = seen[head.layer][0, head.index].float()
        off = float((found - expected).abs().max())
        if not off <= max(torch.finfo(getattr(torch, trial.precision)).eps, ROUNDING):
            raise UserError(f"the weights of head {head} are off its program's by {off:.1g}")


def _visible(trial: Trial, layer: int, tokens: int) -> torch.Tensor:
    """Which tokens a token sees in a layer, shape (n, n); by the configuration, not by the model's masks."""
    row, column = torch.arange(tokens)[:, None], torch.arange(tokens)
    causal, window = trial.loaded.record.causal, layer_window(trial.config, layer)
    seen = row >= column if causal else torch.ones(tokens, tokens, dtype=torch.bool)
    if window and "chunked_attention" in (getattr(trial.config, "layer_types", None) or ()):
        seen = seen & (row // window == column // window)
    elif window:  # an encoder's window counts the tokens on each side
        seen = seen & ((row - column).abs() < window + (not causal))
    return seen.float()


def patterns_can_be_read_back(trial: Trial) -> None:
    """The weights that a patched model returns for replaced heads are their programs' patterns."""
    _read_back(trial, trial.ids[:, :SHORT])


def other_heads_are_untouched(trial: Trial) -> None:
    """The other heads of the first replaced layer have the very same weights."""
    first = {head: program for head, program in trial.assignment.items() if head.layer == 0}
    before = trial.loaded.model(input_ids=trial.ids, output_attentions=True).attentions[0]
    with PatchedModel(trial.loaded, first):
        after = trial.loaded.model(input_ids=trial.ids, output_attentions=True).attentions[0]
    others = [index for index in range(trial.loaded.record.heads_per_layer) if Head(0, index) not in first]
    if not torch.equal(before[:, others], after[:, others]):
        raise UserError("replacing heads of layer 0 changes the weights of other heads in it")


def later_tokens_are_not_seen(trial: Trial) -> None:
    """Other tokens at the end of a text leave all logits before them as they are."""
    other = torch.cat([trial.ids[:, :-SHORT], trial.ids[:, -SHORT:].flip(1)], dim=1)
    with PatchedModel(trial.loaded, trial.assignment):
        before, after = trial.logits(trial.ids), trial.logits(other)
    trial.same(after[:, :-SHORT], before[:, :-SHORT], "a change of later tokens")


def padding_changes_nothing(trial: Trial) -> None:
    """A text padded on either side next to a longer one has the logits that it has alone."""
    short = trial.ids[:, -PADDED:]
    with PatchedModel(trial.loaded, trial.assignment):
        expected = trial.logits(short)
        for side, place in {"right": slice(0, PADDED), "left": slice(LONG - PADDED, LONG)}.items():
            ids, mask = trial.ids.repeat(2, 1), torch.ones(2, LONG, dtype=torch.long)
            ids[1], mask[1] = trial.loaded.pad_id, 0
            ids[1, place], mask[1, place] = short[0], 1
            found = trial.logits(ids, attention_mask=mask, **position_inputs(trial.loaded.model, mask))
            trial.same(found[1:, place], expected, f"padding on the {side}")


def _cached(trial: Trial, ids: torch.Tensor, parts: list[int]) -> None:
    with PatchedModel(trial.loaded, trial.assignment):
        expected, past, found = trial.logits(ids), None, []
        for part in torch.split(ids, parts, dim=1):
            output = trial.loaded.model(input_ids=part, past_key_values=past, use_cache=True)
            past = output.past_key_values
            found.append(output.logits.float())
    trial.same(torch.cat(found, dim=1), expected, "reading a text part by part with a key-value cache")


def a_cache_changes_nothing(trial: Trial) -> None:
    """A text that is read part by part with a key-value cache has the logits of a full pass."""
    _cached(trial, trial.ids[:, :SHORT], [2, 1, 3, 1])


def _generated(trial: Trial, prompt: torch.Tensor, tokens: int) -> None:
    """Generates after a prompt, and in the same batch after its end, padded on the left."""
    prompts, mask = prompt.repeat(2, 1), torch.ones(2, prompt.shape[1], dtype=torch.long)
    prompts[1, 0], mask[1, 0] = trial.loaded.pad_id, 0
    with PatchedModel(trial.loaded, trial.assignment):
        texts = trial.loaded.model.generate(
            prompts, attention_mask=mask, max_new_tokens=tokens, do_sample=False, use_cache=True
        )
        for padding, text in enumerate(texts):
            logits = trial.logits(text[None, padding:])[0, -tokens - 1 : -1]
            chosen = logits.gather(1, text[-tokens:, None])[:, 0]
            trial.same(chosen, logits.amax(dim=-1), "generating with a key-value cache")


def generation_takes_the_likeliest_tokens(trial: Trial) -> None:
    """Greedy generation with a key-value cache takes the tokens that full passes find likeliest."""
    _generated(trial, trial.ids[:, :3], SHORT - 3)


def windows_are_kept(trial: Trial) -> None:
    """Beyond a layer's window programs are masked by it, and cache and generation agree with full passes."""
    _read_back(trial, trial.ids)
    if trial.loaded.record.causal:
        _cached(trial, trial.ids, [5, 1, 6, 1, 7])  # a part that fills the window, and parts beyond it
        _generated(trial, trial.ids[:, :SHORT], LONG - SHORT)


def soft_caps_are_read(trial: Trial) -> None:
    """The weights that are read are those behind the soft-capping of the scores."""
    cap = trial.config.attn_logit_softcapping
    for weights in trial.loaded.model(input_ids=trial.ids, output_attentions=True).attentions:
        scores = torch.where(weights > 0, weights.float().log(), torch.nan)
        spread = float((scores.nan_to_num(-torch.inf).amax(-1) - scores.nan_to_num(torch.inf).amin(-1)).max())
        if not cap / 2 < spread <= 2.1 * cap:
            raise UserError(
                f"logarithms of weights differ by {spread:.2g} in a row, which soft-capping at {cap} forbids"
            )


@dataclass(frozen=True)
class Check:
    """A property that an architecture must have."""

    test: Callable[[Trial], None]
    """Raises UserError with the reason if the model lacks it."""
    applies: Callable[[LoadedModel], bool] = lambda _: True
    """Whether the model can have it at all."""


CHECKS: Mapping[str, Check] = {
    "weights": Check(weights_are_readable),
    "identity": Check(own_patterns_change_nothing),
    "read-back": Check(patterns_can_be_read_back),
    "other heads": Check(other_heads_are_untouched),
    "no look-ahead": Check(later_tokens_are_not_seen, lambda loaded: loaded.record.causal),
    "padding": Check(padding_changes_nothing),
    "cache": Check(a_cache_changes_nothing, lambda loaded: loaded.record.causal),
    "generation": Check(generation_takes_the_likeliest_tokens, lambda loaded: loaded.record.causal),
    "window": Check(windows_are_kept, lambda loaded: bool(shortest_window(loaded.model.config))),
    "soft-capping": Check(soft_caps_are_read, lambda loaded: bool(_soft_cap(loaded.model.config))),
}
"""Every property by its name in tables, in the order in which they are tested."""


def _soft_cap(config: Any) -> Any:
    return getattr(config, "attn_logit_softcapping", None)
