"""The first tokens of a text are those of the whole text, and a long text is not read for them."""

from functools import cache
from typing import Any

import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from attention_programs.models.gguf_rule import RULES
from attention_programs.models.text_tokenizer import TextTokenizer
from conftest import SENTENCES, tiny_model

PARTS = (
    "The", " cat", " sat", ".", " ", "  ", "\n", "\t", "   \n\n", "a", "aaa", "abab", "'", "'s", "7", "12", "1234567",
    "é", "e\u0301", "🎈", "日本", " frogs", "<s>", "...", "!?", "_", "the pond and the bus",
)  # fmt: skip
RULE_NAMES = ("gpt-2", "smollm", "llama3", "qwen2")


def _byte_level(rule: Any) -> Any:
    core = Tokenizer.from_str(tiny_model("llama").tokenizer.backend_tokenizer.to_str())
    core.pre_tokenizer = rule
    return core


def _unigram(split: bool) -> Any:
    letters = ["▁", *"abcdehinorstu.", "aa", "ab", "ba", "▁the", "▁c", "at"]
    core = Tokenizer(models.Unigram([("<unk>", 0.0), *((token, -2.0) for token in letters)], 0))
    core.pre_tokenizer = pre_tokenizers.Metaspace(split=split)
    return core


def _without_words() -> Any:
    """As the first Llama writes texts: spaces become letters, and the whole text is one word."""
    core = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.train_from_iterator(SENTENCES, trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>", "<s>"]))
    content = Tokenizer.from_str(core.to_str())
    content.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    content.pre_tokenizer = pre_tokenizers.Metaspace(split=False, prepend_scheme="never")
    return content


def _with_phrases() -> Any:
    core = _byte_level(RULES["gpt-2"]())
    core.add_tokens([AddedToken("the pond and the bus", normalized=False), AddedToken(" sat", lstrip=True)])
    return core


MAKERS = {
    **{name: lambda name=name: _byte_level(RULES[name]()) for name in RULE_NAMES},
    "word pieces": lambda: tiny_model("bert").tokenizer.backend_tokenizer,
    "unigram": lambda: _unigram(split=True),
    "unigram without words": lambda: _unigram(split=False),
    "without words": _without_words,
    "phrases": _with_phrases,
}


@cache
def own_tokens(name: str) -> TextTokenizer:
    core = MAKERS[name]()
    unknown = next(token for token in ("<unk>", "[UNK]") if core.token_to_id(token) is not None)
    return TextTokenizer(transformers.PreTrainedTokenizerFast(tokenizer_object=core, unk_token=unknown))


class Watched:
    """Stands for the tokenizer inside; keeps how long the longest text was that it read."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.longest = 0

    def encode(self, content: str, **options: Any) -> Any:
        self.longest = max(self.longest, len(content))
        return self._backend.encode(content, **options)


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(sorted(MAKERS)),
    st.lists(st.sampled_from(PARTS) | st.characters(codec="utf-8"), max_size=80).map("".join),
    st.integers(1, 3),
    st.integers(0, 4),
)
def test_the_first_tokens_are_those_of_the_whole_text(name: str, text: str, repeats: int, count: int) -> None:
    own = own_tokens(name)
    whole = text * repeats
    assert own.first(whole, count) == own(whole)[:count]


@pytest.mark.parametrize("name", sorted(MAKERS))
@pytest.mark.parametrize("text", ["a" * 2001, "ab" * 1000 + "a", "7" * 2000, " " * 999, "The cat sat. " * 300, ""])
@pytest.mark.parametrize("count", [1, 5, 64])
def test_the_first_tokens_of_long_runs_are_exact(name: str, text: str, count: int) -> None:
    own = own_tokens(name)
    assert own.first(text, count) == own(text)[:count]


def test_digits_that_are_grouped_from_their_end_are_read_to_their_end() -> None:
    groups = pre_tokenizers.Split(Regex(r"\d{1,3}(?=(?:\d{3})*(?!\d))"), behavior="isolated")
    core = Tokenizer(models.WordLevel({"<unk>": 0, "7": 1, "77": 2, "777": 3}, "<unk>"))
    core.pre_tokenizer = groups
    own = TextTokenizer(transformers.PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>"))
    for digits in range(3000, 3003):
        text = "7" * digits
        assert own.first(text, 3) == own(text)[:3]


@pytest.mark.parametrize("name", [*RULE_NAMES, "word pieces", "unigram", "phrases"])
def test_what_the_first_tokens_cost_does_not_depend_on_the_text(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own = own_tokens(name)
    text = "The cat sat on the mat. " * 2_000
    expected = own(text)[:64]
    watched = Watched(own._backend)
    monkeypatch.setattr(own, "_backend", watched)
    assert own.first(text, 64) == expected
    assert watched.longest <= 2 * 16 * 64
