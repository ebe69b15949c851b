"""Stored outcomes: what was put in comes out, and how often files are read for it."""

from pathlib import Path

import numpy as np
import pytest

from attention_programs.programs.run_result import Outcome, Reason, Rejected, Scored, normalise
from attention_programs.untrusted.sandbox.finished import TEXTS_AT_ONCE, Reader, ResultStore
from attention_programs.untrusted.sandbox.pool import Ran

TEXTS = 2 * TEXTS_AT_ONCE + 3
PROGRAMS = ("one", "two", "three")
BLOCKS = 3 * len(PROGRAMS)


def outcomes(program: int) -> list[Outcome]:
    """Patterns of 2 to 6 tokens; every fifth text fails."""
    generator = np.random.default_rng(program)
    found: list[Outcome] = []
    for text in range(TEXTS):
        weights = generator.random((2 + text % 5,) * 2, dtype=np.float32)
        failed = Rejected(Reason.EXCEPTION, f"no {text}")
        found.append(failed if text % 5 == 4 else Scored(normalise(weights, causal=True)))
    return found


class Counting(ResultStore):
    """Counts the blocks that are read."""

    read = 0

    def block(self, program_id, number):  # type: ignore[no-untyped-def]
        self.read += 1
        return super().block(program_id, number)


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    made = Counting(tmp_path, ["texts"], causal=True)
    for number, name in enumerate(PROGRAMS):
        made.put(name, Ran(outcomes(number)))
    return made


def bytes_of_a_block(store: ResultStore) -> int:
    return max(store.block(name, number).nbytes for name in PROGRAMS for number in range(3))


@pytest.mark.parametrize(
    ("room", "read"),
    [
        (BLOCKS, BLOCKS),  # all stay
        (2 * len(PROGRAMS), BLOCKS),  # older texts' blocks make room
        (0, TEXTS * len(PROGRAMS)),  # each text reads them again
    ],
)
def test_blocks_are_read_once_while_there_is_room(room: int, read: int, store: Counting) -> None:
    reader = Reader([store], room * bytes_of_a_block(store))
    store.read = 0
    for text in range(TEXTS):
        for number, name in enumerate(PROGRAMS):
            found, expected = reader.outcome(0, name, text), outcomes(number)[text]
            assert type(found) is type(expected)
            if isinstance(found, Scored) and isinstance(expected, Scored):
                assert found.weights.tobytes() == expected.weights.tobytes()
            else:
                assert found == expected
    assert store.read == read


def test_with_room_for_some_programs_those_stay(store: Counting) -> None:
    """Two of three: with the least recently used one gone, none would be there when it is needed again."""
    reader = Reader([store], 2 * bytes_of_a_block(store))
    store.read = 0
    for text in range(TEXTS_AT_ONCE):
        for name in PROGRAMS:
            reader.outcome(0, name, text)
    assert store.read <= len(PROGRAMS) + TEXTS_AT_ONCE - 1


def test_texts_that_are_a_block_apart_do_not_push_each_other_out(store: Counting) -> None:
    reader = Reader([store], 2 * bytes_of_a_block(store))
    store.read = 0
    for text in range(TEXTS_AT_ONCE):
        reader.outcome(0, "one", text)
        reader.outcome(0, "one", text + TEXTS_AT_ONCE)
    assert store.read == 2
