"""Memory: checking in advance that there is enough, and recognising the errors when there was not."""

from pathlib import Path

from attention_programs.errors import UserError

LESS_MEMORY = "lower attention.max_tokens or corpora.limit, or name fewer attention.heads"
"""The remedy that lowers every stage's memory use."""
_MEMINFO = Path("/proc/meminfo")
_SHORTAGES = ("out of memory", "can't allocate memory", "not enough memory")
"""Phrases of torch's allocators, whose CPU errors have no class of their own."""


def free_memory() -> float:
    """Bytes that a process can still allocate without swapping; infinite if the system does not report it."""
    if not _MEMINFO.is_file():
        return float("inf")
    values = dict(line.split(":", 1) for line in _MEMINFO.read_text(encoding="ascii").splitlines())
    return 1024.0 * int(values["MemAvailable"].split()[0]) if "MemAvailable" in values else float("inf")


def require_memory(need: float, purpose: str, remedy: str) -> None:
    """Checks that enough memory is free before it is allocated.

    Args:
        need: Bytes needed.
        purpose: What they are for; begins the message.
        remedy: How to get by with less; ends the message.

    Raises:
        UserError: if less is free.
    """
    free = free_memory()
    if need > free:
        raise UserError(f"{purpose} needs {need / 2**30:.1f} GiB of memory, only {free / 2**30:.1f} are free; {remedy}")


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that memory ran out.

    >>> is_shortage(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes"))
    True
    >>> is_shortage(RuntimeError("shapes differ"))
    False
    """
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _SHORTAGES)
