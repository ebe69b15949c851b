"""What an architecture must support for its heads to be explained and replaced, tested before anything is computed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from attention_programs.errors import UserError
from attention_programs.models.architecture import decoder_layers, require_attention_alone
from attention_programs.models.loading import require_interface
from attention_programs.surrogate.contract_checks import CHECKS, LONG, TOLERANCE, Trial
from attention_programs.surrogate.small_model import small_model

STRUCTURE = "structure"
"""The first property: one stack of layers that all attend, through transformers' interface."""
MAX_TOKENS = 1000
"""Number of vocabulary entries that the text is drawn from."""


@dataclass(frozen=True)
class Outcome:
    """Whether a model has a property."""

    name: str
    """The property: ``STRUCTURE`` or a key of ``CHECKS``."""
    reason: str = ""
    """Why it lacks the property; empty if it has it."""


def check_architecture(model: Any, tokenizer: Any) -> None:
    """Checks that a model's heads can be read and replaced, in single precision and in the precision of its weights.

    Args:
        model: A transformers model; it is not changed.
        tokenizer: Its tokenizer.

    Raises:
        UserError: if not; the message names the architecture and what it does not support.
    """
    require_interface(model)
    own = str(model.dtype).removeprefix("torch.")
    try:
        require_attention_alone(model.config)
        decoder_layers(model)
        for precision in dict.fromkeys(("float32", own if own in TOLERANCE else "float32")):
            for outcome in outcomes(type(model), model.config, tokenizer, precision):
                if outcome.reason:
                    raise UserError(outcome.reason)
    except UserError as error:
        raise UserError(
            f"{type(model).__name__} is not supported: {error}; choose another architecture, such as GPT-2, Llama, "
            "Qwen2, Gemma, Mistral, OPT, GPT-NeoX or BERT"
        ) from error


def outcomes(kind: type, config: Any, tokenizer: Any, precision: str) -> Iterator[Outcome]:
    """Tries an architecture on a small random model of a configuration, up to the first property that it lacks.

    Args:
        kind: The transformers class of the model.
        config: Its configuration, for a model of any size.
        tokenizer: Its tokenizer.
        precision: The data type to compute in.
    """
    try:
        require_interface(kind)
        require_attention_alone(config)
        small = small_model(kind, config, tokenizer, precision)
        decoder_layers(small.model)
        trial = Trial.of(small, _text(config, tokenizer))
    except Exception as error:  # an architecture with another structure may fail in any way
        yield Outcome(STRUCTURE, _reason("building a small model of it", error))
        return
    yield Outcome(STRUCTURE)
    for name, check in CHECKS.items():
        if not check.applies(small):
            continue
        try:
            with torch.inference_mode():
                check.test(trial)
        except Exception as error:
            yield Outcome(name, _reason(f"the test of its {name}", error))
            return
        yield Outcome(name)


def _text(config: Any, tokenizer: Any) -> list[int]:
    entries = min(MAX_TOKENS, len(tokenizer), config.vocab_size)
    usable = [number for number in range(entries) if number not in tokenizer.all_special_ids]
    return [usable[place * len(usable) // LONG] for place in range(LONG)]


def _reason(attempt: str, error: Exception) -> str:
    """Why an attempt failed, in one line."""
    line = " ".join(str(error).split())
    return line if isinstance(error, UserError) else f"{attempt} fails with {type(error).__name__} ({line})"
