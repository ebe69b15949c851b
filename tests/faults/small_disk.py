"""A disk of a few MiB that only this process sees, for what happens when it is full."""

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

NEW_MOUNTS, NEW_USER = 0x00020000, 0x10000000
PRIVATE, RECURSIVE = 1 << 18, 1 << 14


def mount_disk(folder: Path, size: int) -> None:
    """Mounts an empty disk over a folder, for this process and its children.

    Raises:
        OSError: if the system does not allow it.
    """
    library = ctypes.CDLL(None, use_errno=True)

    def require(result: int) -> None:
        if result:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    user, group = os.geteuid(), os.getegid()
    require(library.unshare(NEW_MOUNTS | (NEW_USER if user else 0)))
    if user:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    require(library.mount(b"none", b"/", None, PRIVATE | RECURSIVE, None))
    require(library.mount(b"none", bytes(folder), b"tmpfs", 0, f"size={size}".encode()))


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """Fills the disk for the duration of a ``with`` block."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    stream.write(bytes(size))
    try:
        yield
    finally:
        filler.unlink()
