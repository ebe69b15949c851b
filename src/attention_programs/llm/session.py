"""A synthesis session: everything needed to ask a language model, opened from a profile's files."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attention_programs.attention.pattern_store import AttentionIndex, read_index, read_patterns
from attention_programs.config import Config, ExplainerSettings
from attention_programs.errors import UserError
from attention_programs.llm.backends import LiveBackend
from attention_programs.llm.budget import Spending
from attention_programs.llm.call_log import open_log
from attention_programs.llm.client import Client
from attention_programs.llm.evaluator import Evaluator
from attention_programs.llm.synthesis import Explainer
from attention_programs.models.head import pick_heads
from attention_programs.paths import Paths
from attention_programs.programs.prefix import PrefixTest
from attention_programs.programs.record import read_programs
from attention_programs.sparse_search.profile_search import prefix_views
from attention_programs.sparse_search.training_texts import choose_texts
from attention_programs.untrusted.execution import SandboxRunner


@dataclass(frozen=True)
class Session:
    """The open resources."""

    index: AttentionIndex
    runner: SandboxRunner
    prefix_test: PrefixTest
    explainer: Explainer

    def selected_head(self, head: str) -> str:
        """Checks that a head is selected, and returns it.

        Raises:
            UserError: if it is not among the selected heads.
        """
        heads = self.index.heads
        if head not in heads:
            raise UserError(f"head {head!r} is not one of the {len(heads)} selected heads (such as {heads[0]})")
        return head


@contextlib.contextmanager
def open_session(config: Config, paths: Paths) -> Iterator[Session]:
    """Opens patterns, the search's programs and the sandbox for the duration of a ``with`` block.

    Raises:
        UserError: if patterns or the search's programs are missing.
    """
    index = read_index(paths.attention)
    if not paths.found_programs.is_file():
        raise UserError(
            f"{paths.found_programs} does not exist; prompts need the search's programs: run `dvc repro search`"
        )
    found_programs = read_programs(paths.found_programs)
    train = [text.halved() for text in read_patterns(paths.attention, ["train"])]
    texts = choose_texts(train, config.explainer.texts)
    with SandboxRunner(config.sandbox, config.threads, index.token_style) as runner:
        evaluator = Evaluator(texts, index.heads, runner)
        prefix_test = PrefixTest(prefix_views(train))
        explainer = Explainer(config.explainer, index, evaluator, runner, prefix_test, found_programs)
        yield Session(index, runner, prefix_test, explainer)


def requested_heads(settings: ExplainerSettings, index: AttentionIndex) -> list[str]:
    """Names of the selected heads that the settings ask about.

    Raises:
        UserError: if a name is malformed or its head is not selected.
    """
    missing = f"of explainer.heads is not one of the {len(index.heads)} selected heads (such as {index.heads[0]})"
    return [str(head) for head in pick_heads(settings.heads, index.head_list, missing)]


def log_path(settings: ExplainerSettings, root: Path) -> Path:
    """The log file of live calls to the explainer."""
    name = "".join(character if character.isalnum() or character in "._-" else "-" for character in settings.model)
    return root / settings.call_log / f"{name}.jsonl"


@contextlib.contextmanager
def connected(settings: ExplainerSettings, root: Path) -> Iterator[LiveBackend]:
    """Connects to the endpoint; every answer is logged at once.

    Raises:
        UserError: if there is no key.
    """
    stop = threading.Event()
    with contextlib.closing(Client(settings, stop)) as client:
        yield LiveBackend(open_log(log_path(settings, root)), client, Spending.of(settings), settings, stop)
