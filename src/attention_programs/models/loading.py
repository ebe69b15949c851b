"""Loading a model from its folder, ready to be looked into."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import transformers

from attention_programs.errors import UserError
from attention_programs.models.pieces import Pieces
from attention_programs.models.record import ModelRecord, read_record, weights_hash
from attention_programs.models.token_style import TokenStyle


@dataclass(frozen=True)
class Batch:
    """Tokenised texts of unequal length, padded on the right; both of shape (texts, longest)."""

    ids: torch.Tensor
    mask: torch.Tensor
    """1 for a token, 0 for padding."""


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode with its tokenizer and record."""

    model: Any
    tokenizer: Any
    record: ModelRecord

    @cached_property
    def pieces(self) -> Pieces:
        """Strings of token ids."""
        return Pieces(self.tokenizer)

    @cached_property
    def token_style(self) -> TokenStyle:
        """How its tokenizer writes tokens."""
        return TokenStyle.of(self.tokenizer)

    def encode(self, content: str, max_tokens: int) -> list[int]:
        """Token ids of a text, special tokens included, cut to ``max_tokens``."""
        ids: list[int] = self.tokenizer(content, truncation=True, max_length=max_tokens).input_ids
        return ids

    def pad(self, texts: Sequence[Sequence[int]]) -> Batch:
        """Puts tokenised texts into one batch, where the model is."""
        ids = torch.full((len(texts), max(map(len, texts))), self.tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(texts):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
        return Batch(ids.to(self.model.device), mask.to(self.model.device))


def require_interface(model: Any) -> None:
    """Makes sure that the model's attention goes through ``AttentionInterface``, where it can be seen and replaced.

    Raises:
        UserError: naming the architecture that does not.
    """
    if not hasattr(sys.modules[type(model).__module__], "ALL_ATTENTION_FUNCTIONS"):
        raise UserError(
            f"{type(model).__name__} does not use transformers' AttentionInterface, so its attention can't be "
            "replaced; choose another architecture (GPT-2, Llama, Qwen2, Gemma, Mistral, OPT, GPT-NeoX, BERT ...)"
        )


def load_model(folder: Path, device: str = "cpu", verify: bool = False) -> LoadedModel:
    """Loads a model that the model stage prepared.

    Args:
        folder: ``models/<name>``.
        device: Where it runs.
        verify: Whether to hash the weights again.

    Raises:
        UserError: if the folder is no such model or its weights have changed.
    """
    record = read_record(folder)
    if verify and weights_hash(folder) != record.weights_sha256:
        raise UserError(f"the weights in {folder} are not those of its model.json; run `dvc checkout` or `dvc repro`")
    kind = transformers.AutoModelForCausalLM if record.causal else transformers.AutoModelForMaskedLM
    transformers.utils.logging.disable_progress_bar()
    model = kind.from_pretrained(folder, attn_implementation="eager", dtype="auto").eval().to(device)
    model.requires_grad_(False)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if tokenizer.pad_token_id is None:
        # Padding is masked everywhere, so any token will do.
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token or tokenizer.convert_ids_to_tokens(0)
    return LoadedModel(model, tokenizer, record)


def best_device() -> str:
    """A GPU if there is one, else the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"
