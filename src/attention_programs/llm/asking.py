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


@dataclass(frozen=True)
class Replay:
    """Takes every reply from a log.

    A reply belongs to its head and round. Where the same prompt can't be made again to the last digit (on another
    processor, or with other texts) the recorded one counts; how many are the very same is told.
    """

    log: ExchangeLog
    place: str
    """Names where it is from."""

    def knows(self, target: str, head: str, model: str) -> bool:
        """Whether a head of the model with these weights was ever asked about."""
        return self.log.recorded(Conversation(target, head, 0, model)) is not None

    def replies(self, requests: Sequence[Request]) -> Replies:
        """The recorded replies.

        Raises:
            UserError: if one is missing; head and round are named.
        """
        found = Replies()
        for request in requests:
            if found.take(request, self.log):
                continue
            where = Conversation(request.target, request.head, request.round, request.model)
            exchange = self.log.recorded(where)
            if exchange is None:
                raise UserError(
                    f"{self.place} holds no reply of {request.model!r} for head {request.head}, round {request.round} "
                    f"(request {request.key[:10]}); ask for it with `attention-programs synthesize --heads "
                    f"{request.head}`, or take the head out of explainer.heads"
                )
            found.answers[request.head] = exchange
        return found


@dataclass
class Live:
    """Asks an endpoint for what the log lacks."""

    log: ExchangeLog
    client: Client
    spending: Spending
    settings: ExplainerSettings
    stop: threading.Event
    """Ends all waiting of the client."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def replies(self, requests: Sequence[Request]) -> Replies:
        """Answers of the log and of the endpoint. Ctrl-C waits for the calls under way, which are paid for.

        Raises:
            UserError: if the endpoint refuses the key or the model.
        """
        found = Replies()
        missing = [request for request in requests if not found.take(request, self.log)]
        if missing:
            self._ask_all(missing, found)
        return found

    def _ask_all(self, requests: Sequence[Request], found: Replies) -> None:
        waiting = list(requests)
        running: dict[Future[Exchange], Request] = {}
        bar = progress_bar(len(requests), f"asking {self.settings.model}", "calls")
        with bar, ThreadPoolExecutor(self.settings.concurrency) as pool:
            try:
                while waiting or running:
                    while waiting and len(running) < self.settings.concurrency:
                        if not self._reserve(waiting[0]):
                            break
                        request = waiting.pop(0)
                        running[pool.submit(self.client.ask, request, self._log_try)] = request
                    if not running:
                        break
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        head, exchange = running.pop(future).head, future.result()
                        if exchange.status == "answered":
                            found.answers[head] = exchange
                        else:
                            found.failed[head] = exchange.error
                        bar.set_postfix_str(f"cost {self.spending.cost:.4f}", refresh=False)
                        bar.update()
            except BaseException:
                self.stop.set()  # no more tries; what is under way is paid for, logged as it ends, and waited for
                raise
        found.left = [request.head for request in waiting]

    def _reserve(self, request: Request) -> bool:
        most = Usage(estimate_prompt(request.messages), self.settings.reply_tokens)
        with self._lock:
            return self.spending.reserve(request.key, most)

    def _log_try(self, exchange: Exchange) -> None:
        with self._lock:
            self.log.append(exchange)
            self.spending.settle(exchange.key, exchange.usage, exchange.status == "answered")
