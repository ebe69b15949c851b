"""The patterns of programs that are softmaxes of sums of terms, in loops compiled for the CPU."""

import numpy as np
from numpy.typing import NDArray

from attention_programs.machine_code import exp_of_negative, machine_code

Singles = NDArray[np.float32]
Numbers = NDArray[np.int64]


@machine_code
def softmax_of_terms(
    rows: Numbers,
    classes: Singles,
    patterns: Singles,
    coefficients: Singles,
    query: Numbers,
    key: Numbers,
    pattern: Numbers,
    causal: bool,
    out: Singles,
    start: int,
    stop: int,
) -> None:
    """Writes the patterns of some programs.

    Args:
        rows: The rows of the text, shape (rows,).
        classes: Token features, the first of which is 1 everywhere, shape (classes, n).
        patterns: Patterns, the first of which is 1 everywhere, shape (patterns, rows, n).
        coefficients: Shape (programs, terms).
        query: Number of each term's query class, shape (programs, terms).
        key: Number of each term's key class, shape (programs, terms).
        pattern: Number of each term's pattern, shape (programs, terms).
        causal: Whether row i sees only tokens 0..i.
        out: The weights, shape (programs, rows, n).
        start: First program.
        stop: One past the last program.
    """
    tokens = classes.shape[1]
    for program in range(start, stop):
        for row in range(len(rows)):
            seen = rows[row] + 1 if causal else tokens
            scores = out[program, row]
            scores[:] = 0
            for term in range(coefficients.shape[1]):
                factor = coefficients[program, term] * classes[query[program, term], rows[row]]
                if factor == 0:  # most query classes do not apply to most rows
                    continue
                keys, values = classes[key[program, term]], patterns[pattern[program, term], row]
                if pattern[program, term] == 0:
                    for token in range(seen):
                        scores[token] += factor * keys[token]
                elif key[program, term] == 0:
                    for token in range(seen):
                        scores[token] += factor * values[token]
                else:
                    for token in range(seen):
                        scores[token] += factor * keys[token] * values[token]
            top = scores[0]
            for token in range(1, seen):
                top = max(top, scores[token])
            total = np.float32(0)
            for token in range(seen):
                scores[token] = exp_of_negative(scores[token] - top)
                total += scores[token]
            for token in range(seen):
                scores[token] /= total
