"""
Programs for the heads of a small model.
Signature: (sentence: str, tokenizer: PreTrainedTokenizerBase) -> Tuple[str, np.ndarray]
"""
import re

import numpy as np
from transformers import PreTrainedTokenizerBase

_nlp = None
_calls = 0


def _get_nlp():
    global _nlp
    if _nlp is None:
        import spacy
        _nlp = spacy.load("en_core_web_sm")
    return _nlp


def spacy_parse(sentence: str):
    return _get_nlp()(sentence)


def _align_to_spacy(sentence: str, tokens: list[str]) -> list[list[int]]:
    """For each token the words that it overlaps, counting characters without spaces."""
    ends, total = [], 0
    doc = spacy_parse(sentence)
    for word in doc:
        total += len(word.text.replace(" ", ""))
        ends.append(total)
    aligned, position = [], 0
    for token in tokens:
        length = len(token.lstrip("\u0120\u2581").replace("##", ""))
        start, position = position, position + length
        aligned.append([
            k for k, end in enumerate(ends)
            if (ends[k - 1] if k else 0) < position and start < end
        ])
    return aligned


def make_row_stochastic(matrix: np.ndarray) -> np.ndarray:
    raise RuntimeError("the later definition counts")


def apply_causal_mask(matrix: np.ndarray) -> np.ndarray:
    return np.tril(matrix)


"""Helper functions that programs may use."""

import numpy as np
from helpers import *


def make_row_stochastic(matrix: np.ndarray) -> np.ndarray:
    total = np.clip(matrix, 0, None).sum(axis=1, keepdims=True)
    return np.clip(matrix, 0, None) / np.where(total == 0, 1.0, total)


def _tokens(sentence, tokenizer):
    return tokenizer.convert_ids_to_tokens(tokenizer(sentence, return_tensors="pt").input_ids[0])


def spans_of(sentence, tokenizer):
    encoded = tokenizer(sentence, return_offsets_mapping=True)
    return [tuple(span) for span in encoded["offset_mapping"]]


PUNCTUATION = set(".,!?;:")
CONTENT = {"NOUN", "VERB", "ADJ", "PROPN"}
DECAY = 0.5
RATES = {"near": DECAY}
RATES["far"] = DECAY / 4
DECAY = 0.9
WORD = re.compile(r"[A-Za-z]+")

print("loading the programs")
for unused in range(3):
    pass


class Weights:
    base = RATES["near"]

    @staticmethod
    def at(distance):
        return Weights.base ** distance


# Layer 0, Head 0
def decaying_first_token_bias_L0H0(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    tokens = tokenizer.convert_ids_to_tokens(tokenizer(sentence, return_tensors="pt").input_ids[0])
    n = len(tokens)
    attention = np.zeros((n, n))
    for i in range(n):
        attention[i, 0] = 1.0
        for j in range(1, i + 1):
            attention[i, j] = 0.5 ** (i - j + 1)
    attention = apply_causal_mask(attention)
    attention = make_row_stochastic(attention)
    return "decaying_first_token_bias", attention


# Layer 0, Head 1
def syntactic_head_L0H1(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    """Attends to the word that the current word depends on.

    And to the first token a little.
    """
    import numpy as np

    tokens = tokenizer.convert_ids_to_tokens(tokenizer(sentence, return_tensors="pt").input_ids[0])
    n = len(tokens)
    doc = spacy_parse(sentence)
    alignment = _align_to_spacy(sentence, tokens)
    attention = np.zeros((n, n))
    for i in range(n):
        attention[i, 0] = 0.1
        if not alignment[i]:
            continue
        spacy_token = doc[alignment[i][0]]
        if spacy_token.head != spacy_token:
            for j in range(n):
                if spacy_token.head.i in alignment[j]:
                    attention[i, j] += 1.0
        for child in spacy_token.children:
            for j in range(n):
                if child.i in alignment[j]:
                    attention[i, j] += 0.5
    return "syntactic_head", make_row_stochastic(apply_causal_mask(attention))


# Layer 0, Head 2
def tie_breaking_noise_L0H2(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    n = len(_tokens(sentence, tokenizer))
    attention = np.eye(n)
    for i in range(n):
        for j in range(i):
            attention[i, j] += np.random.uniform(0.001, 0.02)
    return "tie_breaking_noise", make_row_stochastic(attention)


# Layer 0, Head 3
def seeded_noise_L0H3(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    np.random.seed(len(sentence))
    n = len(_tokens(sentence, tokenizer))
    return "seeded_noise", make_row_stochastic(apply_causal_mask(np.random.rand(n, n)))


# Layer 1, Head 0
def early_return_L1H0(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    tokens = _tokens(sentence, tokenizer)
    n = len(tokens)
    if n < 2:
        return "early_return", np.ones((n, n))
    if not any(token in PUNCTUATION for token in tokens):
        return "early_return", np.eye(n)
    attention = np.zeros((n, n))
    last = 0
    for i in range(n):
        attention[i, last] = 1
        if tokens[i] in PUNCTUATION:
            last = i
    return "early_return", attention


# Layer 1, Head 1
def content_words_by_distance_L1H1(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    tokens = _tokens(sentence, tokenizer)
    doc, alignment = spacy_parse(sentence), _align_to_spacy(sentence, tokens)
    n = len(tokens)
    attention = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            words = [doc[k] for k in alignment[j]]
            weight = 1.0 if any(word.pos_ in CONTENT and not word.is_stop for word in words) else 0.1
            attention[i, j] = weight * Weights.at(i - j) + RATES["far"]
    return "content_words_by_distance", make_row_stochastic(apply_causal_mask(attention))


# Layer 1, Head 2
def same_lemma_L1H2(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    tokens = _tokens(sentence, tokenizer)
    doc, alignment = spacy_parse(sentence), _align_to_spacy(sentence, tokens)
    n = len(tokens)
    attention = 0.01 * np.eye(n)
    for i in range(n):
        for j in range(i):
            mine = {doc[k].lemma_.lower() for k in alignment[i] if not doc[k].is_punct}
            theirs = {doc[k].lemma_.lower() for k in alignment[j]}
            if mine & theirs:
                attention[i, j] = 1
    return "same_lemma", make_row_stochastic(attention)


# Layer 1, Head 3
def sentence_and_chunk_L1H3(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    tokens = _tokens(sentence, tokenizer)
    doc = spacy_parse(sentence)
    alignment = _align_to_spacy(sentence, tokens)
    chunk_of, sentence_of = {}, {}
    for number, chunk in enumerate(doc.noun_chunks):
        for word in chunk:
            chunk_of[word.i] = (number, chunk.root.i)
    for number, span in enumerate(doc.sents):
        for word in span:
            sentence_of[word] = number
    n = len(tokens)
    attention = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            if not alignment[i] or not alignment[j]:
                attention[i, j] = 0.01
                continue
            a, b = doc[alignment[i][0]], doc[alignment[j][0]]
            attention[i, j] += 0.1 * (sentence_of[a] == sentence_of[b])
            attention[i, j] += 1.0 * (a.i in chunk_of and chunk_of.get(a.i) == chunk_of.get(b.i))
            attention[i, j] += 0.5 * (b in a.ancestors) + 0.2 * any(b == ent.root for ent in doc.ents)
    return "sentence_and_chunk", make_row_stochastic(attention)


# Layer 2, Head 0
def always_fails_L2H0(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    tokens = _tokens(sentence, tokenizer)
    weights = dict.fromkeys(tokens, 1.0)
    return "always_fails", np.full((len(tokens), len(tokens)), weights["no such token"])


# Layer 2, Head 1
def looks_ahead_L2H1(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    n = len(_tokens(sentence, tokenizer))
    attention = np.zeros((n, n))
    for i in range(n):
        attention[i, n - 1 - i] = 1.0
        attention[i, i] = 1.0 / n
    return "looks_ahead", make_row_stochastic(attention)


# Layer 2, Head 2
def wrong_shape_L2H2(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    words = sentence.split()
    return "wrong_shape", np.eye(len(words) + 100)


# Layer 2, Head 3
def not_a_number_L2H3(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    n = len(_tokens(sentence, tokenizer))
    attention = np.zeros((n, n))
    attention[0, 0] = 1
    with np.errstate(invalid="ignore"):
        return "not_a_number", attention / attention.sum(axis=1, keepdims=True)


# Layer 3, Head 0
def negative_weight_L3H0(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    n = len(_tokens(sentence, tokenizer))
    return "negative_weight", np.eye(n) - 0.1


# Layer 3, Head 1
def words_by_pattern_L3H1(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    """Whole words by a regular expression."""
    tokens = _tokens(sentence, tokenizer)
    n = len(tokens)
    attention = np.full((n, n), 0.001)
    for j, token in enumerate(tokens):
        if WORD.search(token) and not re.fullmatch(r"[A-Z]\w*", token):
            attention[:, j] += DECAY
    return "words_by_pattern", make_row_stochastic(apply_causal_mask(attention))


# Layer 3, Head 2
def rare_tokens_L3H2(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    from collections import Counter, defaultdict
    tokens = _tokens(sentence, tokenizer)
    counts, seen = Counter(tokens), defaultdict(list)
    n = len(tokens)
    attention = np.zeros((n, n))
    for i, token in enumerate(tokens):
        seen[token].append(i)
        for j in range(i + 1):
            attention[i, j] = 1 / counts[tokens[j]] + len(seen[tokens[j]])
    return "rare_tokens", make_row_stochastic(attention)


# Layer 3, Head 3
def encode_and_decode_L3H3(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    ids = tokenizer.encode(sentence)
    decoded = [tokenizer.decode([token_id]) for token_id in ids]
    again = tokenizer.convert_tokens_to_ids(tokenizer.convert_ids_to_tokens(ids))
    n = len(ids)
    attention = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            attention[i, j] = 1.0 + len(decoded[j].strip()) * (again[i] == ids[j])
    return "encode_and_decode", make_row_stochastic(attention)


def tokenize_and_specials_L4H0(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    tokens = tokenizer.tokenize(sentence, add_special_tokens=True)
    special = set(tokenizer.all_special_tokens)
    n = len(tokens)
    attention = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            attention[i, j] = 2.0 if tokens[j] in special or j == 0 else 1.0
    return "tokenize_and_specials", make_row_stochastic(attention)


def tensor_words_L4H1(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    inputs = tokenizer(sentence, return_tensors="pt", truncation=True, max_length=512)
    ids = inputs["input_ids"].squeeze(0)
    n = ids.size(0)
    attention = (ids[:, None] == ids[None, :]) * np.tri(n)
    for i, (first, second) in enumerate(zip(ids.tolist(), ids.detach().cpu().numpy())):
        attention[i, 0] += first == second
    return "tensor_words", attention


def word_numbers_L4H2(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    words = tokenizer(sentence).word_ids()
    n = len(words)
    attention = np.eye(n)
    for i in range(n):
        for j in range(i):
            if words[i] is not None and words[i] == words[j]:
                attention[i, j] = 1
    return "word_numbers", make_row_stochastic(attention)


def characters_since_L4H3(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    spans = spans_of(sentence, tokenizer)
    n = len(spans)
    attention = np.zeros((n, n))
    for i, (_, end) in enumerate(spans):
        for j, (start, _) in enumerate(spans[: i + 1]):
            attention[i, j] = 1 / (1 + max(end - start, 0))
    return "characters_since", make_row_stochastic(attention)


def counts_calls_L5H0(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    global _calls
    _calls += 1
    n = len(_tokens(sentence, tokenizer))
    return "counts_calls", make_row_stochastic(np.tri(n) ** _calls)


def similar_embeddings_L5H1(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    tokens = _tokens(sentence, tokenizer)
    n = len(tokens)
    attention = np.array([[embedding_similarity(tokens, i, j) for j in range(n)] for i in range(n)])
    return "similar_embeddings", make_row_stochastic(apply_causal_mask(attention))


def previous_token_L5H2(sentence: str, tokenizer: PreTrainedTokenizerBase) -> tuple[str, np.ndarray]:
    raise RuntimeError("defined again below")


def previous_token_L5H2(sentence: str, tokenizer: "PreTrainedTokenizerBase") -> tuple[str, np.ndarray]:
    n = len(_tokens(sentence, tokenizer))
    attention = np.eye(n, k=-1)
    attention[0, 0] = 1
    return "previous_token", attention


def bare_matrix(text: str, tok: PreTrainedTokenizerBase, width: int = 3) -> np.ndarray:
    n = len(_tokens(text, tok))
    attention = np.zeros((n, n))
    for i in range(n):
        attention[i, max(0, i - width):i + 1] = 1.0
    return attention


def linear_fit(sentence: str, tokenizer: PreTrainedTokenizerBase, patterns: list, y: np.ndarray):
    return sum(pattern(sentence, tokenizer)[1] for pattern in patterns)


if __name__ == "__main__":
    print(previous_token_L5H2("", None))
