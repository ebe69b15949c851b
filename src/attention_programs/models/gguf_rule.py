"""What a GGUF file's byte-level tokenizer does before it merges bytes: the rule that the file names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import Regex, normalizers, pre_tokenizers

from attention_programs.errors import UserError

_LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
_QWEN_2 = _LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")


def _by_expression(expression: str) -> Any:
    split = pre_tokenizers.Split(Regex(expression), behavior="isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _digits_apart() -> Any:
    split = pre_tokenizers.Digits(individual_digits=True)
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])


RULES: dict[str, Callable[[], Any]] = {
    **dict.fromkeys(("gpt-2", "phi-2"), lambda: pre_tokenizers.ByteLevel(add_prefix_space=False)),
    **dict.fromkeys(("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"), _digits_apart),
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3", "falcon3"), lambda: _by_expression(_LLAMA_3)),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen"), lambda: _by_expression(_QWEN_2)),
}
"""Factories of pre-tokenizers, by llama.cpp's name of the rule (``tokenizer.ggml.pre``)."""
COMPOSED = frozenset({"qwen2"})
"""Rules of tokenizers that compose characters first (Unicode's NFC), which no GGUF file says."""
WHOLE_WORDS = frozenset({"llama-bpe", "llama3", "llama-v3"})
"""Rules of tokenizers that take a word which is in the vocabulary as it is, whatever the merges give."""


def apply_rule(tokenizer: Any, gguf: Path) -> None:
    """Gives a tokenizer read from a GGUF file the rule that the file names, as the original tokenizer follows it.

    Only byte-level vocabularies (``tokenizer.ggml.model`` is ``gpt2``) name one. Others (Llama 2, Gemma) split nothing
    before they merge characters, which transformers reads as it should.

    Raises:
        UserError: if the file names no rule or an unknown one: guessing would silently give different tokens.
    """
    from gguf import GGUFReader

    fields = GGUFReader(gguf).fields
    kind, rule = (
        str(fields[key].contents()) if key in fields else "" for key in ("tokenizer.ggml.model", "tokenizer.ggml.pre")
    )
    if kind != "gpt2":
        return
    if rule not in RULES:
        raise UserError(
            f"{gguf.name}: unknown splitting rule {rule!r} (tokenizer.ggml.pre); known are {', '.join(sorted(RULES))};"
            " use the model with its tokenizer.json through model.source: folder"
        )
    backend = tokenizer.backend_tokenizer
    backend.pre_tokenizer = RULES[rule]()
    if rule in COMPOSED:
        backend.normalizer = normalizers.NFC()
    if rule in WHOLE_WORDS:
        backend.model.ignore_merges = True
