"""What calls cost, and when the budget stops them."""

from dataclasses import dataclass, field

from attention_programs.config import ExplainerSettings
from attention_programs.llm.completions import Usage


@dataclass(frozen=True)
class Prices:
    """Prices per million tokens, in any currency."""

    prompt: float = 0.0
    reply: float = 0.0

    @classmethod
    def of(cls, settings: ExplainerSettings) -> "Prices":
        """The prices in the settings."""
        return cls(settings.price_prompt, settings.price_reply)

    def cost(self, usage: Usage) -> float:
        """The cost of one call.

        >>> Prices(prompt=3.0, reply=15.0).cost(Usage(prompt=4000, reply=400))
        0.018
        """
        return round((self.prompt * usage.prompt + self.reply * usage.reply) / 1e6, 9)


@dataclass
class Spending:
    """What a run has spent and may spend; not thread-safe.

    Attributes:
        prices: The explainer's prices.
        max_tokens: Limit on prompt and reply tokens of this run; 0 for none.
        max_cost: Limit on the cost of this run; 0 for none.
    """

    prices: Prices
    max_tokens: int = 0
    max_cost: float = 0.0
    calls: int = 0
    failed: int = 0
    estimated: int = 0
    """Answers whose tokens the endpoint did not count."""
    used: Usage = field(default_factory=Usage)
    reserved: dict[str, Usage] = field(default_factory=dict)
    """The most that calls in flight may use, by request."""

    @classmethod
    def of(cls, settings: ExplainerSettings) -> "Spending":
        """Takes limits and prices from the settings."""
        return cls(Prices.of(settings), settings.max_tokens, settings.max_cost)

    @property
    def cost(self) -> float:
        """The cost so far."""
        return self.prices.cost(self.used)

    def reserve(self, key: str, most: Usage) -> bool:
        """Reserves tokens for a call; False if they exceed the budget."""
        waiting = [*self.reserved.values(), most]
        worst = Usage(
            self.used.prompt + sum(each.prompt for each in waiting),
            self.used.reply + sum(each.reply for each in waiting),
        )
        if self.max_tokens and worst.total > self.max_tokens:
            return False
        if self.max_cost and self.prices.cost(worst) > self.max_cost:
            return False
        self.reserved[key] = most
        return True

    def settle(self, key: str, usage: Usage, answered: bool) -> None:
        """Accounts for a finished call."""
        self.reserved.pop(key, None)
        self.calls += 1
        self.failed += not answered
        self.estimated += usage.estimated
        self.used = Usage(self.used.prompt + usage.prompt, self.used.reply + usage.reply)

    def line(self) -> str:
        """The cost summary in one line.

        >>> spending = Spending(Prices(3.0, 15.0), max_tokens=10000)
        >>> spending.settle("a", Usage(4000, 400), answered=True)
        >>> spending.line()
        '1 call, 4,000 + 400 tokens, cost 0.0180; 5,600 tokens left of 10,000'
        """
        calls = f"{self.calls} call{'s' if self.calls != 1 else ''}"
        failed = f" ({self.failed} failed)" if self.failed else ""
        tokens = f"{self.used.prompt:,} + {self.used.reply:,} tokens"
        if self.estimated:
            tokens += f" (estimated for {self.estimated}, which the endpoint did not count)"
        parts = [f"{calls}{failed}, {tokens}, cost {self.cost:.4f}"]
        if self.max_tokens:
            parts.append(f"{self.max_tokens - self.used.total:,} tokens left of {self.max_tokens:,}")
        if self.max_cost:
            parts.append(f"{self.max_cost - self.cost:.4f} left of {self.max_cost:.4f}")
        return "; ".join(parts)
