"""Programs as a language model writes them, in any number: loops over tokens, NumPy, and vocabulary; and texts."""

import numpy as np

from attention_programs.untrusted.sandbox.fork_server import SandboxText
from attention_programs.untrusted.sandbox.pool import UntrustedProgram

_LOOP = '''def program(text):
    """Attends to the {offset} tokens before, the nearer the more, and to the first token."""
    n = text.n
    weights = np.zeros((n, n))
    for i in range(n):
        weights[i, 0] += {sink}
        for j in range(max(0, i - {offset}), i + 1):
            weights[i, j] += {decay} ** (i - j)
    return weights
'''
_WORDS = '''def program(text):
    """Attends to earlier tokens that look like the present one, else to the first."""
    weights = np.zeros((text.n, text.n))
    for i, query in enumerate(text.pieces):
        same = [j for j in range(i) if text.pieces[j].strip().lower() == query.strip().lower()]
        for j in same:
            weights[i, j] = {decay}
        weights[i, 0] += {sink} if not same else 0.1
        if query.strip() in {{",", ".", "and", "the"}}:
            weights[i, i] += 0.5 / {offset}
    return weights
'''
_ARRAYS = '''def program(text):
    """Attends to near tokens, decaying with distance, and to long ones."""
    positions = np.arange(text.n)
    distance = positions[:, None] - positions[None, :]
    lengths = np.array([len(piece) for piece in text.pieces], dtype=float)
    scores = np.exp(-np.abs(distance) / {offset}) + {decay} * lengths[None, :] / lengths.max()
    scores[:, 0] += {sink}
    return np.tril(scores)
'''
_TERMS = '''def program(text):
    """Attends to the first token, the previous one, and commas."""
    scores = {sink} * text.first_token + {decay} * text.previous_token + text.key.comma / {offset}
    return text.softmax(scores + 0 * np.eye(text.n))
'''
TEMPLATES = (_LOOP, _WORDS, _ARRAYS, _TERMS)
WORDS = tuple(" the a cat dog , . and sat on mat then ran to him she said that old house by river".split(" ")[1:])


def synthetic_programs(count: int, generator: np.random.Generator) -> list[UntrustedProgram]:
    """Programs of four kinds in turn, each with its own constants."""
    programs = []
    for number in range(count):
        constants = {
            "offset": int(generator.integers(1, 9)),
            "sink": round(float(generator.uniform(0.1, 3)), 3),
            "decay": round(float(generator.uniform(0.1, 1)), 4),
        }
        source = f"# {number}\n" + TEMPLATES[number % len(TEMPLATES)].format(**constants)
        programs.append(UntrustedProgram(source))
    return programs


def synthetic_texts(count: int, longest: int, generator: np.random.Generator) -> list[SandboxText]:
    """Texts of 8 to ``longest`` tokens."""
    lengths = generator.integers(8, longest + 1, size=count)
    rows = [generator.integers(0, len(WORDS), size=length).tolist() for length in lengths]
    return [SandboxText(tuple(row), tuple(" " + WORDS[i] for i in row)) for row in rows]
