"""A language model in a notebook: reading its attention patterns and replacing its heads."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import torch

from attention_programs.api.patterns import Patterns
from attention_programs.api.program import GivenRunner, Program
from attention_programs.attention.extraction import extract
from attention_programs.attention.packing import Packing, sampled_rows
from attention_programs.attention.pattern_store import TextAttention
from attention_programs.corpora.text import Text
from attention_programs.memory import require_memory
from attention_programs.models.architecture import require_attention_alone
from attention_programs.models.head import Head, choose_heads
from attention_programs.models.loading import LoadedModel, load_weights, require_interface
from attention_programs.models.loading import load_model as load_prepared
from attention_programs.models.model_record import RECORD_NAME, ModelRecord
from attention_programs.models.tokenizer_file import load_tokenizer
from attention_programs.programs.view import TokenView
from attention_programs.progress import progress
from attention_programs.surrogate.contract import check_architecture
from attention_programs.surrogate.intervention import PatchedModel, pattern_cache
from attention_programs.surrogate.losses import ids_losses, perplexity

PREFIX_TEXT = "The cat sat on the mat, and the cat purred. Then it slept; nobody knew why it was so tired that day."
"""Programs are tested on it for looking ahead before they go into a causal model."""


class Model:
    """A transformers model with its tokenizer, whose attention can be read and replaced.

    Args:
        model: A causal or masked language model on any device. It is put into evaluation mode; its attention changes
            only while patterns are read and inside a :meth:`replace` block.
        tokenizer: Its fast tokenizer.
        name: Name in messages; its class if empty.

    Raises:
        UserError: if the architecture's attention can't be read and replaced.
    """

    def __init__(self, model: Any, tokenizer: Any, name: str = "") -> None:
        require_interface(model)
        require_attention_alone(model.config)
        record = ModelRecord.of(model, name or type(model).__name__, "memory", "")
        self._loaded = LoadedModel(model.eval(), tokenizer, record)

    @classmethod
    def of(cls, loaded: LoadedModel) -> "Model":
        """From a model that the pipeline loaded."""
        return cls(loaded.model, loaded.tokenizer, loaded.record.name)

    @property
    def heads(self) -> list[Head]:
        """Every head, by layer and then by index."""
        return self._loaded.record.heads

    def view(self, text: str | Sequence[int], max_tokens: int = 0) -> TokenView:
        """What a program sees of a text.

        Args:
            text: A text, or its token ids.
            max_tokens: Length that the text is truncated to; 0 is the model's maximum.
        """
        ids = self.encode(text, max_tokens) if isinstance(text, str) else list(text)
        return TokenView.of(self._loaded.sequence(ids))

    def encode(self, text: str, max_tokens: int = 0) -> list[int]:
        """Token ids of a text, with the special tokens that the tokenizer adds."""
        return self._loaded.encode(text, max_tokens or min(self._loaded.max_tokens, len(text) + 8))

    def attention(
        self,
        texts: Sequence[Text],
        heads: str | Sequence[str] = "all",
        max_tokens: int = 64,
        batch_texts: int = 8,
        max_rows: int = 128,
    ) -> Patterns:
        """Every head's attention pattern on texts, kept in memory in half precision.

        Args:
            texts: From :func:`~attention_programs.texts`.
            heads: ``all``, ``every K``, or names like ``L5H1``.
            max_tokens: Length that texts are truncated to. IoU depends on it: report it.
            batch_texts: Texts in one forward pass.
            max_rows: Rows kept of a causal model's pattern on a longer text: all of the first half of them, of the rest
                evenly spaced ones; 0 keeps all, whose memory grows with the square of the length.

        Raises:
            UserError: if a head does not exist, memory is too small, or a row of attention does not sum to 1.
        """
        loaded, record = self._loaded, self._loaded.record
        wanted = choose_heads(heads, record.layers, record.heads_per_layer)
        ids = [loaded.encode(text.content, max_tokens) for text in texts]
        rows = max_rows if record.causal else 0
        packings = [Packing(len(some), record.causal, sampled_rows(len(some), rows)) for some in ids]
        need = 2 * len(wanted) * sum(packing.entries for packing in packings)
        purpose = f"keeping the patterns of {len(wanted)} heads on {len(ids)} texts"
        require_memory(need, purpose, "lower max_tokens, or name fewer heads or texts")
        print(f"{purpose}: {need / 2**20:.0f} MiB", file=sys.stderr)
        starts = range(0, len(ids), batch_texts)
        mapped: list[TextAttention] = []
        batches = extract(loaded, [ids[start : start + batch_texts] for start in starts], wanted, rows)
        for patterns in progress(batches, "attention", len(starts), unit="batches"):
            mapped += [found.of(texts[len(mapped) + i]).halved() for i, found in enumerate(patterns)]
        return Patterns(record.name, record.causal, tuple(wanted), tuple(mapped), loaded.token_style, max_tokens)

    def replace(self, programs: Mapping[str | Head, Program]) -> AbstractContextManager["Model"]:
        """The model with some heads replaced by programs, for a ``with`` block.

        Args:
            programs: The program for each head.

        Raises:
            UserError: if a head does not exist, or a program looks ahead in a causal model.
        """
        views = [self.view(PREFIX_TEXT, 64)] if self._loaded.record.causal else []
        assignment = {
            Head.parse(head) if isinstance(head, str) else head: program.for_model(self._loaded.record.causal, views)
            for head, program in programs.items()
        }
        cache = pattern_cache(self._loaded, GivenRunner(list(programs.values())))
        return _until_restored(self, PatchedModel(self._loaded, assignment, cache))

    def perplexity(self, texts: Patterns | Sequence[Text], max_tokens: int = 64, batch_texts: int = 8) -> float:
        """Perplexity per token of the model in its current state.

        Args:
            texts: Texts, or patterns on them.
            max_tokens: Length that texts are truncated to; that of the patterns, if given.
            batch_texts: Texts in one forward pass.
        """
        if isinstance(texts, Patterns):
            ids = [list(text.ids) for text in texts.mapped]
        else:
            ids = [self._loaded.encode(text.content, max_tokens) for text in texts]
        return perplexity(ids_losses(self._loaded, ids, batch_texts))

    def generate(self, prompt: str, max_new_tokens: int = 40) -> str:
        """Continues a prompt by greedy decoding."""
        device = self._loaded.model.device
        ids = torch.tensor([self.encode(prompt)], device=device)
        with torch.no_grad():
            options = {"max_new_tokens": max_new_tokens, "do_sample": False, "pad_token_id": self._loaded.pad_id}
            found = self._loaded.model.generate(ids, attention_mask=torch.ones_like(ids), **options)
        return str(self._loaded.tokenizer.decode(found[0], skip_special_tokens=True))

    def __repr__(self) -> str:
        record = self._loaded.record
        return f"<Model {record.name}: {record.layers} layers x {record.heads_per_layer} heads>"


@contextmanager
def _until_restored(model: Model, patched: PatchedModel) -> Iterator[Model]:
    try:
        yield model
    finally:
        patched.restore()


def load_model(location: str | Path, *, revision: str = "", device: str = "cpu", dtype: str = "auto") -> Model:
    """Loads a model by path or hub id.

    Args:
        location: A folder that ``save_pretrained`` or the model stage wrote, or a hub id.
        revision: Commit on the hub; the latest if empty. Give it if a result is to be reproducible.
        device: Where it runs, such as ``cuda``.
        dtype: Precision, such as ``float32``; that of the weights if ``auto``.

    Raises:
        UserError: if it can't be loaded, lacks weights, or its attention can't be read and replaced.
    """
    folder = Path(location)
    if (folder / RECORD_NAME).is_file():
        return Model.of(load_prepared(folder, device))
    options = {"revision": revision} if revision else {}
    remedy = "give a model folder or a hub id"
    model = load_weights(str(location), remedy, dtype=dtype, attn_implementation="eager", **options)
    tokenizer = load_tokenizer(str(location), **options)
    check_architecture(model, tokenizer)
    return Model(model.to(device), tokenizer, folder.name if folder.is_dir() else str(location))
