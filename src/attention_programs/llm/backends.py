"""Backends that answer requests: from the call log, or from a live endpoint for what the log lacks."""

import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from attention_programs.config import ExplainerSettings
from attention_programs.errors import UserError
from attention_programs.llm.budget import Spending
from attention_programs.llm.call_log import Call, CallLog, Request
from attention_programs.llm.client import Client
from attention_programs.llm.completions import Usage, estimate_prompt
from attention_programs.progress import ProgressBar


@dataclass
class Replies:
    """The outcome of a round's requests."""

    answers: dict[str, Call] = field(default_factory=dict)
    """The answered call of each head."""
    failed: dict[str, str] = field(default_factory=dict)
    """What went wrong, for heads whose call failed."""
    left: list[str] = field(default_factory=list)
    """Heads that were not asked about because the budget ran out."""
    prompts_reproduced_verbatim: int = 0
    """Answers to exactly the same request as recorded."""

    def take(self, request: Request, log: CallLog) -> bool:
        """Takes the answer to exactly this request from a log; False if there is none."""
        call = log.answer(request)
        if call is not None:
            self.answers[request.head] = call
            self.prompts_reproduced_verbatim += 1
        return call is not None


@dataclass(frozen=True)
class ReplayBackend:
    """Takes every reply from a log.

    A reply belongs to its head and round. If a prompt can't be reproduced to the last digit (on another CPU, or with
    other texts), the recorded one counts; the number of prompts reproduced verbatim is reported.
    """

    log: CallLog
    place: str
    """Where the log is, for messages."""

    def knows(self, target: str, head: str, model: str) -> bool:
        """Whether the log has a first reply about this head of the model with these weights."""
        return self.log.recorded(target, head, 0, model) is not None

    def replies(self, requests: Sequence[Request]) -> Replies:
        """The recorded replies.

        Raises:
            UserError: if one is missing; the message names head and round.
        """
        found = Replies()
        for request in requests:
            if found.take(request, self.log):
                continue
            call = self.log.recorded(request.target, request.head, request.round, request.model)
            if call is None:
                raise UserError(
                    f"{self.place} has no reply of {request.model!r} for head {request.head}, round {request.round} "
                    f"(request {request.key[:10]}); get one with `attention-programs synthesize --heads "
                    f"{request.head}`, or remove the head from explainer.heads"
                )
            found.answers[request.head] = call
        return found


@dataclass
class LiveBackend:
    """Asks an endpoint for replies that the log lacks."""

    log: CallLog
    client: Client
    spending: Spending
    settings: ExplainerSettings
    stop: threading.Event
    """Stops the client's retries and pauses."""
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def replies(self, requests: Sequence[Request]) -> Replies:
        """Answers from the log and the endpoint. Ctrl-C waits for calls in flight, as they are paid for.

        Raises:
            UserError: if the endpoint rejects the key or the model.
        """
        found = Replies()
        missing = [request for request in requests if not found.take(request, self.log)]
        if missing:
            self._ask_all(missing, found)
        return found

    def _ask_all(self, requests: Sequence[Request], found: Replies) -> None:
        waiting = list(requests)
        running: dict[Future[Call], Request] = {}
        bar = ProgressBar(len(requests), f"asking {self.settings.model}", "calls")
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
                        head, call = running.pop(future).head, future.result()
                        if call.status == "answered":
                            found.answers[head] = call
                        else:
                            found.failed[head] = call.error
                        bar.advance(f"cost {self.spending.cost:.4f}")
            except BaseException:
                self.stop.set()  # no more retries; calls in flight are paid for, so they are waited for and logged
                raise
        found.left = [request.head for request in waiting]

    def _reserve(self, request: Request) -> bool:
        most = Usage(estimate_prompt(request.messages), self.settings.max_completion_tokens)
        with self._lock:
            return self.spending.reserve(request.key, most)

    def _log_try(self, call: Call) -> None:
        with self._lock:
            self.log.append(call)
            self.spending.settle(call.key, call.usage, call.status == "answered")
