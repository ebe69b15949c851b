"""Getting replies: from the log where it has them, from a live endpoint where it may be asked."""

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from attention_programs.config import ExplainerSettings
from attention_programs.errors import UserError
from attention_programs.llm.answers import Usage, estimate_prompt
from attention_programs.llm.budget import Spending
from attention_programs.llm.client import Client
from attention_programs.llm.exchanges import Conversation, Exchange, ExchangeLog, Request
from attention_programs.progress import progress_bar


@dataclass
class Replies:
    """What came of a round's requests."""

    answers: dict[str, Exchange] = field(default_factory=dict)
    """The answered exchange of each head."""
    failed: dict[str, str] = field(default_factory=dict)
    """What went wrong, for heads whose call failed."""
    left: list[str] = field(default_factory=list)
    """Heads that were not asked about because the budget ended."""
    prompts_as_recorded: int = 0
    """Answers whose recorded request is this very one."""

    def take(self, request: Request, log: ExchangeLog) -> bool:
        """Takes the answer to this very request from a log; False if there is none."""
        exchange = log.answer(request)
        if exchange is not None:
            self.answers[request.head] = exchange
            self.prompts_as_recorded += 1
        return exchange is not None


class Replay:
    """Takes every reply from a log.

    A reply belongs to its head and round. Where the same prompt can't be made again to the last digit (on another
    processor, or with other texts) the recorded one counts; how many are the very same is told.

    Args:
        log: Recorded exchanges.
        place: Names where they are from.
    """

    def __init__(self, log: ExchangeLog, place: str) -> None:
        self._log = log
        self._place = place

    def knows(self, target: str, head: str, model: str) -> bool:
        """Whether a head of the model with these weights was ever asked about."""
        return self._log.recorded(Conversation(target, head, 0, model)) is not None

    def replies(self, requests: Sequence[Request]) -> Replies:
        """The recorded replies.

        Raises:
            UserError: if one is missing; head and round are named.
        """
        found = Replies()
        for request in requests:
            if found.take(request, self._log):
                continue
            where = Conversation(request.target, request.head, request.round, request.model)
            exchange = self._log.recorded(where)
            if exchange is None:
                raise UserError(
                    f"{self._place} holds no reply of {request.model!r} for head {request.head}, round {request.round} "
                    f"(request {request.key[:10]}); ask for it with `attention-programs synthesize --heads "
                    f"{request.head}`, or take the head out of explainer.heads"
                )
            found.answers[request.head] = exchange
        return found


class Live:
    """Asks an endpoint for what the log lacks.

    Args:
        log: Keeps every exchange at once.
        client: Calls the endpoint.
        spending: Counts and bounds the cost.
        settings: How many calls at once.
        stop: Ends all waiting of the client.
    """

    def __init__(
        self, log: ExchangeLog, client: Client, spending: Spending, settings: ExplainerSettings, stop: threading.Event
    ) -> None:
        self._log = log
        self._client = client
        self._spending = spending
        self._settings = settings
        self._stop = stop
        self._lock = threading.Lock()

    def replies(self, requests: Sequence[Request]) -> Replies:
        """Answers of the log and of the endpoint. Ctrl-C waits for the calls under way, which are paid for.

        Raises:
            UserError: if the endpoint refuses the key or the model.
        """
        found = Replies()
        missing = [request for request in requests if not found.take(request, self._log)]
        if missing:
            self._ask_all(missing, found)
        return found

    def _ask_all(self, requests: Sequence[Request], found: Replies) -> None:
        waiting = list(requests)
        running: dict[Future[Exchange], Request] = {}
        bar = progress_bar(len(requests), f"asking {self._settings.model}", "calls")
        with bar, ThreadPoolExecutor(self._settings.concurrency) as pool:
            try:
                while waiting or running:
                    while waiting and len(running) < self._settings.concurrency:
                        if not self._reserve(waiting[0]):
                            break
                        request = waiting.pop(0)
                        running[pool.submit(self._client.ask, request, self._log_try)] = request
                    if not running:
                        break
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        _take(future, running.pop(future), found)
                        bar.set_postfix_str(f"cost {self._spending.cost:.4f}", refresh=False)
                        bar.update()
            except BaseException:
                self._stop.set()  # no more tries; what is under way is paid for, logged as it ends, and waited for
                raise
        found.left = [request.head for request in waiting]

    def _reserve(self, request: Request) -> bool:
        most = Usage(estimate_prompt(request.messages), self._settings.reply_tokens)
        with self._lock:
            return self._spending.reserve(request.key, most)

    def _log_try(self, exchange: Exchange) -> None:
        with self._lock:
            self._log.append(exchange)
            self._spending.settle(exchange.key, exchange.usage, exchange.status == "answered")


def _take(future: "Future[Exchange]", request: Request, found: Replies) -> None:
    exchange = future.result()
    if exchange.status == "answered":
        found.answers[request.head] = exchange
    else:
        found.failed[request.head] = exchange.error
