"""lm-eval's model, but a question that all choices share is read once."""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM  # takes seconds to import
from torch.nn.utils.rnn import pad_sequence

from attention_programs.models.positions import position_inputs
from attention_programs.progress import progress
from attention_programs.surrogate.output_sums import sum_outputs

Request = tuple[Any, list[int], list[int]]
"""What lm-eval asks: something of its own, the tokens of the question, and those of one choice."""
Answer = tuple[float, bool]
"""The choice's log-likelihood in nats, and whether each of its tokens is the likeliest."""


@dataclass(frozen=True)
class _Question:
    """The tokens of a question and the requests that begin with it."""

    tokens: tuple[int, ...]
    requests: list[int]


class SharedPrefixModel(HFLM):
    """Reads every question once, and every choice after it with the question's key-value cache.

    Questions are padded on the left, so that all choices of a batch begin at the same place.
    """

    def _loglikelihood_tokens(
        self, requests: list[Request], disable_tqdm: bool = False, override_bs: int | None = None
    ) -> list[Answer]:
        fits = [len(question) + len(choice) <= self.max_length for _, question, choice in requests]
        short = [number for number, fit in enumerate(fits) if fit]
        long = [number for number, fit in enumerate(fits) if not fit]
        found: dict[int, Answer] = {}
        if long:  # cut as lm-eval does it, so that choices may not share what is left of the question
            asked = [requests[number] for number in long]
            found |= dict(zip(long, super()._loglikelihood_tokens(asked, disable_tqdm, override_bs), strict=True))
        batches = list(_batches(requests, short, int(self.batch_size)))
        for batch in progress(batches, "questions", unit="batches") if not disable_tqdm else batches:
            found |= self._answers(batch, requests)
        return [found[number] for number in range(len(requests))]

    @cached_property
    def _keeps_logits(self) -> bool:
        """Whether the model can leave out the logits of all places but the last ones."""
        return "logits_to_keep" in inspect.signature(self.model.forward).parameters

    @torch.no_grad()
    def _answers(self, batch: Sequence[_Question], requests: Sequence[Request]) -> dict[int, Answer]:
        rows = [row for row, question in enumerate(batch) for _ in question.requests]
        numbers = [number for question in batch for number in question.requests]
        questions = _padded([torch.tensor(question.tokens) for question in batch], self.device, left=True)
        choices = _padded([torch.tensor(requests[number][2]) for number in numbers], self.device, left=False)
        read = self.model(
            input_ids=questions.ids,
            attention_mask=questions.mask,
            use_cache=True,
            **position_inputs(self.model, questions.mask),
            **({"logits_to_keep": 1} if self._keeps_logits else {}),
        )
        parts = [_read(read.logits[:, -1:][rows], choices.ids[:, :1])]
        given = choices.ids[:, :-1]
        if given.shape[1]:
            past = read.past_key_values
            past.batch_select_indices(torch.tensor(rows, device=self.device))
            mask = torch.cat([questions.mask[rows], choices.mask[:, :-1]], dim=1)
            places = {name: each[:, -given.shape[1] :] for name, each in position_inputs(self.model, mask).items()}
            after = self.model(
                input_ids=given, attention_mask=mask, past_key_values=past, use_cache=True, **places
            ).logits
            parts.append(_read(after, choices.ids[:, 1:]))
        of_tokens = torch.cat([part.log_likelihoods for part in parts], dim=1) * choices.mask
        right = torch.cat([part.likeliest for part in parts], dim=1)
        likeliest = (right | (choices.mask == 0)).all(dim=1)
        sums = of_tokens.double().sum(dim=1)
        return dict(zip(numbers, zip(sums.tolist(), likeliest.tolist(), strict=True), strict=True))


@dataclass(frozen=True)
class _Reading:
    """What was predicted of given tokens; shape (choices, places)."""

    log_likelihoods: torch.Tensor
    """In nats, single precision."""
    likeliest: torch.Tensor


def _read(logits: torch.Tensor, tokens: torch.Tensor) -> _Reading:
    """Reads logits in place: copies in single precision would take as long as the model itself."""
    of_tokens = logits.gather(-1, tokens[..., None])[..., 0].float()
    return _Reading(of_tokens - sum_outputs(logits.contiguous()).log_partition, logits.argmax(dim=-1) == tokens)


@dataclass(frozen=True)
class _Padded:
    ids: torch.Tensor
    mask: torch.Tensor
    """1 where a token is, shape (batch, places)."""


def _padded(texts: Sequence[torch.Tensor], device: Any, left: bool) -> _Padded:
    side = "left" if left else "right"
    ids, mask = (
        pad_sequence(each, batch_first=True, padding_side=side)
        for each in (list(texts), [torch.ones_like(text) for text in texts])
    )
    return _Padded(ids.to(device), mask.to(device))


def _batches(requests: Sequence[Request], some: Sequence[int], size: int) -> Iterator[list[_Question]]:
    """Questions of similar numbers of tokens together, with at most ``size`` choices, or one question with more."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for number in some:
        groups.setdefault(tuple(requests[number][1]), []).append(number)
    batch: list[_Question] = []
    read = {tokens: len(tokens) + sum(len(requests[number][2]) for number in own) for tokens, own in groups.items()}
    for tokens in sorted(groups, key=lambda tokens: (-read[tokens], tokens)):
        question = _Question(tokens, groups[tokens])
        if batch and sum(len(each.requests) for each in [*batch, question]) > size:
            yield batch
            batch = []
        batch.append(question)
    if batch:
        yield batch
