"""The search's two inner loops on the CPU, head by head, with buffers no larger than a block of rows.

Features and patterns are read in half precision, as they are stored, and laid out (tokens, rows), so that a sum over
the tokens of a row is a sum of vectors over rows.
"""

import numpy as np
from numpy.typing import NDArray

from attention_programs.machine_code import exp_of_negative, machine_code
from attention_programs.sparse_search import design

Halves = NDArray[np.uint16]
"""The bits of half-precision numbers."""
Singles = NDArray[np.float32]
Doubles = NDArray[np.float64]
Numbers = NDArray[np.int64]

SMALLEST = np.float32(design.SMALLEST)
BLOCK = 64
"""Rows at a time: with some ten features, even those of long texts fit into the L2 cache."""
TILE = 4
"""Number of features whose products with another are summed at a time."""
HALF_MAGNITUDE, HALF_SIGN, HALF_EXPONENT = np.uint32(0x7FFF), np.uint32(0x8000), np.uint32(0x7C00)
HALF_SHIFT, SIGN_SHIFT = np.uint32(13), np.uint32(16)
REBIAS, REBIAS_TINY = np.uint32(112 << 23), np.uint32(113 << 23)
"""Added to a half's exponent; subnormal numbers are given that of 2^-14, which is then subtracted."""
TINY = np.float32(2.0**-14)


@machine_code
def widen(halves: Halves, rows: int, start: int, stop: int, out: Singles) -> None:
    """Copies some rows of an array (tokens, rows) to contiguous single precision."""
    count = stop - start
    for token in range(len(halves) // rows):
        some, into = halves[token * rows + start : token * rows + stop], out[token * count : (token + 1) * count]
        for row in range(count):
            bits = np.uint32(some[row])
            magnitude = np.uint32(bits & HALF_MAGNITUDE) << HALF_SHIFT
            tiny = np.uint32(bits & HALF_EXPONENT) == 0
            size = np.uint32(magnitude + (REBIAS_TINY if tiny else REBIAS)).view(np.float32) - (
                TINY if tiny else np.float32(0)
            )
            into[row] = -size if bits & HALF_SIGN else size


@machine_code
def _weights(
    columns: Singles, coefficients: Doubles, entries: int, rows: int, out: Singles, tops: Singles, sums: Singles
) -> None:
    """Writes exp(score - row maximum) to ``out``, row maxima to ``tops`` and row sums of ``out`` to ``sums``."""
    out[:entries] = 0
    for feature in range(len(coefficients)):
        coefficient, column = np.float32(coefficients[feature]), columns[feature]
        for cell in range(entries):
            out[cell] += coefficient * column[cell]
    tops[:rows] = out[:rows]
    for token in range(1, entries // rows):
        scores = out[token * rows : (token + 1) * rows]
        for row in range(rows):
            tops[row] = max(tops[row], scores[row])
    sums[:rows] = 0
    for token in range(entries // rows):
        scores = out[token * rows : (token + 1) * rows]
        for row in range(rows):
            scores[row] = exp_of_negative(scores[row] - tops[row])
            sums[row] += scores[row]


@machine_code
def _dot(first: Singles, second: Singles) -> np.float32:
    found = np.float32(0)
    for cell in range(len(first)):
        found += first[cell] * second[cell]
    return found


@machine_code
def add_overlaps(
    features: Halves,
    attention: Halves,
    text: Numbers,
    chosen: Numbers,
    coefficients: Doubles,
    slopes: Singles,
    shared: Singles,
    gradient: Singles,
    start: int,
    stop: int,
) -> None:
    """Adds up, for some heads, the minima of true and predicted weights, and the gradient of their weighted sum.

    Args:
        features: Shape (features, tokens x rows).
        attention: Shape (heads, tokens x rows).
        text: Index of each row's text, shape (rows,).
        chosen: Each head's features, shape (heads, k).
        coefficients: Shape (heads, k).
        slopes: Weight of each text's sum of minima in the gradient, shape (heads, texts).
        shared: The sums of minima, shape (heads, texts); added to.
        gradient: Shape (heads, k); added to. With shape (0, k) it is not computed.
        start: First head.
        stop: One past the last head.
    """
    rows, k = len(text), chosen.shape[1]
    tokens = features.shape[1] // rows
    block = min(BLOCK, rows)
    columns, true_weights = np.empty((k, tokens * block), np.float32), np.empty(tokens * block, np.float32)
    weights, below = np.empty(tokens * block, np.float32), np.empty(tokens * block, np.float32)
    tops, sums = np.empty(block, np.float32), np.empty(block, np.float32)
    minima, kept = np.empty(block, np.float32), np.empty(block, np.float32)
    for head in range(start, stop):
        for first in range(0, rows, block):
            count = min(block, rows - first)
            entries = tokens * count
            for place in range(k):
                widen(features[chosen[head, place]], rows, first, first + count, columns[place])
            widen(attention[head], rows, first, first + count, true_weights)
            _weights(columns, coefficients[head], entries, count, weights, tops, sums)
            minima[:] = 0
            kept[:] = 0
            for row in range(count):
                sums[row] = np.float32(1) / sums[row]
            for token in range(tokens):
                p, a = weights[token * count : (token + 1) * count], true_weights[token * count : (token + 1) * count]
                b = below[token * count : (token + 1) * count]
                for row in range(count):
                    weight = p[row] * sums[row]
                    weight = weight if weight > SMALLEST else np.float32(0)
                    low = weight if weight < a[row] else np.float32(0)
                    minima[row] += min(weight, a[row])
                    kept[row] += low
                    p[row] = weight
                    b[row] = low
            for row in range(count):
                shared[head, text[first + row]] += minima[row]
            if len(gradient):
                for row in range(count):
                    sums[row] = slopes[head, text[first + row]]
                for token in range(tokens):
                    p, b = weights[token * count : (token + 1) * count], below[token * count : (token + 1) * count]
                    for row in range(count):
                        b[row] = (b[row] - p[row] * kept[row]) * sums[row]
                for place in range(k):
                    gradient[head, place] += _dot(below[:entries], columns[place][:entries])


@machine_code
def add_divergence(
    features: Halves,
    attention: Halves,
    chosen: Numbers,
    coefficients: Doubles,
    rows: int,
    value: Doubles,
    gradient: Doubles,
    curvature: Doubles,
    start: int,
    stop: int,
) -> None:
    """Adds up, for some heads, the cross-entropy of true and predicted weights, its gradient and its Hessian.

    Args:
        features: Shape (features, tokens x rows).
        attention: Shape (heads, tokens x rows).
        chosen: Each head's features, shape (heads, k).
        coefficients: Shape (heads, k).
        rows: Number of rows.
        value: Shape (heads,); added to.
        gradient: Shape (heads, k); added to.
        curvature: Shape (heads, k, k); only its lower triangle is added to.
        start: First head.
        stop: One past the last head.
    """
    k = chosen.shape[1]
    padded = k + -k % TILE
    tokens = features.shape[1] // rows
    block = min(BLOCK, rows)
    columns, true_weights = np.zeros((padded, tokens * block), np.float32), np.empty(tokens * block, np.float32)
    weights, product = np.empty(tokens * block, np.float32), np.empty(tokens * block, np.float32)
    tops, sums = np.empty(block, np.float32), np.empty(block, np.float32)
    means = np.empty((k, block), np.float32)
    for head in range(start, stop):
        for first in range(0, rows, block):
            count = min(block, rows - first)
            entries = tokens * count
            for place in range(k):
                widen(features[chosen[head, place]], rows, first, first + count, columns[place])
            widen(attention[head], rows, first, first + count, true_weights)
            _weights(columns, coefficients[head], entries, count, weights, tops, sums)
            for row in range(count):
                value[head] += tops[row] + np.log(sums[row])
                sums[row] = np.float32(1) / sums[row]
            for token in range(tokens):
                p = weights[token * count : (token + 1) * count]
                for row in range(count):
                    weight = p[row] * sums[row]
                    p[row] = weight if weight > SMALLEST else np.float32(0)
            for place in range(k):
                column = columns[place]
                fitted = _dot(true_weights[:entries], column[:entries])
                value[head] -= coefficients[head, place] * fitted
                mean = means[place]
                mean[:count] = 0
                for token in range(tokens):
                    for row in range(count):
                        cell = token * count + row
                        product[cell] = weights[cell] * column[cell]
                        mean[row] += product[cell]
                gradient[head, place] += mean[:count].sum() - fitted
                for other in range(0, place + 1, TILE):
                    a, b, c, d = columns[other], columns[other + 1], columns[other + 2], columns[other + 3]
                    of_a = of_b = of_c = of_d = np.float32(0)
                    for cell in range(entries):
                        of_a += product[cell] * a[cell]
                        of_b += product[cell] * b[cell]
                        of_c += product[cell] * c[cell]
                        of_d += product[cell] * d[cell]
                    for number, found in enumerate((of_a, of_b, of_c, of_d)):
                        if other + number <= place:
                            curvature[head, place, other + number] += found
                for other in range(place + 1):
                    curvature[head, place, other] -= _dot(mean[:count], means[other][:count])
