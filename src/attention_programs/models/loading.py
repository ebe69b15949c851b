"""Loading a model from its folder, ready for inspection."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import errors
from safetensors import SafetensorError

from attention_programs.errors import UserError
from attention_programs.hub import explained
from attention_programs.models.architecture import require_attention_alone
from attention_programs.models.model_record import ModelRecord, read_record, weights_hash
from attention_programs.models.precision import say_if_slow
from attention_programs.models.sequence import TokenSequence
from attention_programs.models.text_tokenizer import Template, TextTokenizer
from attention_programs.models.token_strings import TokenStrings
from attention_programs.models.token_style import TokenStyle
from attention_programs.models.tokenizer_file import load_tokenizer


@dataclass(frozen=True)
class Batch:
    """Tokenised texts of different lengths, padded on the right; both of shape (texts, longest)."""

    ids: torch.Tensor
    mask: torch.Tensor
    """1 for a token, 0 for padding."""


@dataclass(frozen=True)
class Beginning:
    """The part of a text that a model reads."""

    ids: list[int]
    """Token ids, including the special tokens around the text."""
    truncated: bool
    """Whether the text is longer."""


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode with its tokenizer and record."""

    model: Any
    tokenizer: Any
    record: ModelRecord

    @cached_property
    def token_strings(self) -> TokenStrings:
        """Maps token ids to strings."""
        return TokenStrings(self.tokenizer)

    @cached_property
    def token_style(self) -> TokenStyle:
        """How the tokenizer spells tokens."""
        return TokenStyle.of(self.tokenizer)

    @cached_property
    def own_tokens(self) -> TextTokenizer:
        """Gives the ids of a text's own tokens, without special ones."""
        return TextTokenizer(self.tokenizer)

    @cached_property
    def template(self) -> Template:
        """The special tokens around every text: all for an encoder, only the opening ones for a causal model.

        A closing token would be one more to predict that is not a token of the text.
        """
        found = Template.of(self.tokenizer, self.own_tokens)
        return replace(found, closing=()) if self.record.causal else found

    @cached_property
    def max_tokens(self) -> int:
        """The maximum number of tokens that the model has positions for; unbounded if its configuration names none.

        In models with a position for padding (RoBERTa and its relatives) no token uses the positions up to that one.
        """
        limit = getattr(self.model.config, "max_position_embeddings", None) or sys.maxsize
        for name, module in self.model.named_modules():
            if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
                limit = min(limit, module.num_embeddings - module.padding_idx - 1)
        return limit

    @cached_property
    def pad_id(self) -> int:
        """The padding token. It is masked everywhere, so any token with an embedding will do."""
        tokenizer, rows = self.tokenizer, len(self.model.get_input_embeddings().weight)
        candidates = (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id)
        return next((i for i in candidates if i is not None and i < rows), 0)

    def sequence(self, ids: Sequence[int]) -> TokenSequence:
        """A tokenised text with everything that programs may see of it."""
        return TokenSequence(tuple(ids), self.token_strings(ids), self.record.causal, self.token_style.special_ids)

    def room(self, max_tokens: int) -> int:
        """How many of a text's own tokens fit into ``max_tokens`` next to the special tokens around it.

        Raises:
            UserError: if none fits.
        """
        room = max_tokens - self.template.tokens
        if room < 1:
            raise UserError(
                f"max_tokens is {max_tokens}, but the tokenizer of {self.record.name} puts {self.template.tokens} "
                "special tokens around a text; raise attention.max_tokens"
            )
        return room

    def wrap(self, own: Sequence[int]) -> list[int]:
        """A text's own tokens with the special tokens around them.

        Raises:
            UserError: if the text is too long for the model.
        """
        ids = [*self.template.opening, *own, *self.template.closing]
        if len(ids) > self.max_tokens:
            raise UserError(
                f"attention.max_tokens allows {len(ids)} tokens, but {self.record.name} reads only {self.max_tokens}; "
                "lower it"
            )
        return ids

    def encode(self, content: str, max_tokens: int) -> list[int]:
        """Token ids of a text's beginning: at most ``max_tokens``, including the special tokens around it.

        Raises:
            UserError: if ``max_tokens`` leaves no room for the text, or is more than the model reads.
        """
        return self.wrap(self.own_tokens.first(content, self.room(max_tokens)))

    def beginning(self, content: str, max_tokens: int) -> Beginning:
        """As :meth:`encode`, and whether the text was truncated.

        Raises:
            UserError: if ``max_tokens`` leaves no room for the text, or is more than the model reads.
        """
        room = self.room(max_tokens)
        own = self.own_tokens.first(content, room + 1)
        return Beginning(self.wrap(own[:room]), truncated=len(own) > room)

    def pad(self, texts: Sequence[Sequence[int]]) -> Batch:
        """Pads tokenised texts into one batch on the model's device."""
        ids = torch.full((len(texts), max(map(len, texts))), self.pad_id)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(texts):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        return Batch(ids.to(self.model.device), mask.to(self.model.device))


def require_interface(model: Any) -> None:
    """Checks that a model's attention goes through ``AttentionInterface``, where it can be read and replaced.

    Args:
        model: A transformers model, or its class.

    Raises:
        UserError: naming the architecture, if it does not.
    """
    kind = model if isinstance(model, type) else type(model)
    if not hasattr(sys.modules[kind.__module__], "ALL_ATTENTION_FUNCTIONS"):
        raise UserError(
            f"{kind.__name__} does not use transformers' AttentionInterface, so its attention can't be replaced; "
            "choose another architecture (GPT-2, Llama, Qwen2, Gemma, Mistral, OPT, GPT-NeoX, BERT ...)"
        )


def _require_attention_alone(location: str, config: Any) -> None:
    try:
        require_attention_alone(config)
    except UserError as error:
        raise UserError(f"{location!r} is not supported: {error}") from error


def load_weights(location: str, remedy: str, **options: Any) -> Any:
    """A transformers model with a language-model head from a folder or the hub, with all of its weights.

    Args:
        location: A folder, or a name on the hub.
        remedy: What to do if loading fails; ends the message.
        **options: For ``from_pretrained``, such as ``revision``, ``dtype`` and ``attn_implementation``.

    Raises:
        UserError: if it can't be loaded, is not one stack of attention layers, or weights are missing, NaN or infinite.
    """
    place = {name: value for name, value in options.items() if name == "revision"}
    try:
        config = transformers.AutoConfig.from_pretrained(location, **place)
        _require_attention_alone(location, config)
        kind = transformers.AutoModelForCausalLM
        if not any("CausalLM" in name or "LMHead" in name for name in config.architectures or ()):
            kind = transformers.AutoModelForMaskedLM
        model, report = kind.from_pretrained(location, output_loading_info=True, **{"dtype": "auto", **options})
    except (OSError, ValueError, SafetensorError, errors.HTTPError) as error:  # type: ignore[attr-defined]
        raise UserError(f"cannot load {location!r} ({explained(error, location)}); {remedy}") from error
    missing = sorted(report["missing_keys"])
    if missing:  # transformers initialises them at random
        named = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise UserError(
            f"{location!r} lacks {len(missing)} of the weights of a {type(model).__name__} ({named}), which would be "
            "initialised at random; use a complete checkpoint with its language-model head"
        )
    for name, parameter in model.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise UserError(f"{location!r}: the weight {name} contains NaN or infinity; get the checkpoint again")
    return model


def load_model(folder: Path, device: str = "cpu", verify: bool = False) -> LoadedModel:
    """Loads a model that the model stage prepared.

    Args:
        folder: ``models/<name>``.
        device: The device to run it on.
        verify: Whether to check the weights' hash.

    Raises:
        UserError: if the folder has no such model or its weights have changed.
    """
    record = read_record(folder)
    if verify and weights_hash(folder) != record.weights_sha256:
        raise UserError(f"the weights in {folder} are not those of its model.json; run `dvc checkout` or `dvc repro`")
    transformers.utils.logging.disable_progress_bar()
    model = load_weights(str(folder), "run `dvc repro model`", attn_implementation="eager").eval().to(device)
    model.requires_grad_(False)
    say_if_slow(record.dtype, device)
    loaded = LoadedModel(model, load_tokenizer(str(folder)), record)
    if loaded.tokenizer.pad_token_id != loaded.pad_id:
        loaded.tokenizer.pad_token = loaded.tokenizer.convert_ids_to_tokens(loaded.pad_id)
    return loaded


def best_device() -> str:
    """The GPU if there is one, else the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"
