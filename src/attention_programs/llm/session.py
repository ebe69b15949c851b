"""Everything that asking needs, opened from a profile's files."""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from attention_programs.attention.store import AttentionIndex, read_index, read_maps
from attention_programs.config import Config, ExplainerSettings
from attention_programs.errors import UserError
from attention_programs.llm.asking import Live, Replay
from attention_programs.llm.budget import Spending
from attention_programs.llm.client import Client
from attention_programs.llm.exchanges import open_log, read_log
from attention_programs.llm.judging import Judge
from attention_programs.llm.rounds import Explainer
from attention_programs.models.head import pick_heads
from attention_programs.paths import Paths
from attention_programs.programs.prefix import PrefixTest
from attention_programs.programs.table import read_programs
from attention_programs.sparse_search.searched import prefix_views
from attention_programs.sparse_search.training_texts import choose_texts
from attention_programs.untrusted.execution import SandboxRunner


@dataclass(frozen=True)
class Session:
    """What is open."""

    index: AttentionIndex
    runner: SandboxRunner
    prefix_test: PrefixTest
    explainer: Explainer

    def studied(self, head: str) -> str:
        """The head itself.

        Raises:
            UserError: if it is not among the studied heads.
        """
        heads = self.index.heads
        if head not in heads:
            raise UserError(f"head {head!r} is none of the {len(heads)} studied heads (like {heads[0]})")
        return head


@contextlib.contextmanager
def open_session(config: Config, paths: Paths) -> Iterator[Session]:
    """Opens maps, the search's programs and the sandbox for the time of a ``with`` block.

    Raises:
        UserError: if maps or the search's programs are missing.
    """
    index = read_index(paths.attention)
    if not paths.searched.is_file():
        raise UserError(f"{paths.searched} does not exist; prompts need the search's programs: run `dvc repro search`")
    searched = read_programs(paths.searched)
    train = [text.halved() for text in read_maps(paths.attention, ["train"])]
    texts = choose_texts(train, index, config.explainer.texts)
    with SandboxRunner(config.sandbox, config.threads, index.token_style) as runner:
        judge = Judge(texts, index.heads, runner)
        prefix_test = PrefixTest(prefix_views(train, index))
        explainer = Explainer(config.explainer, index, judge, runner, prefix_test, searched)
        yield Session(index, runner, prefix_test, explainer)


def asked_heads(settings: ExplainerSettings, index: AttentionIndex) -> list[str]:
    """Names of the studied heads that the settings ask about.

    Raises:
        UserError: if a name is malformed or its head is not studied.
    """
    missing = f"of explainer.heads is none of the {len(index.heads)} studied heads (like {index.heads[0]})"
    return [str(head) for head in pick_heads(settings.heads, index.head_list, missing)]


def log_path(settings: ExplainerSettings, root: Path) -> Path:
    """The file that live exchanges with a model go to."""
    name = "".join(character if character.isalnum() or character in "._-" else "-" for character in settings.model)
    return root / settings.exchanges / f"{name}.jsonl"


def recorded(settings: ExplainerSettings, root: Path) -> Replay:
    """Replies from the recorded exchanges."""
    return Replay(read_log(root / settings.exchanges), settings.exchanges)


@dataclass(frozen=True)
class LiveSession:
    """A connection and its costs."""

    replier: Live
    spending: Spending


@contextlib.contextmanager
def connected(settings: ExplainerSettings, root: Path) -> Iterator[LiveSession]:
    """Connects to the endpoint; what it answers is in the log at once.

    Raises:
        UserError: if there is no key.
    """
    stop = threading.Event()
    client = Client(settings, stop)
    log, spending = open_log(log_path(settings, root)), Spending.of(settings)
    try:
        yield LiveSession(Live(log, client, spending, settings, stop), spending)
    finally:
        client.close()
