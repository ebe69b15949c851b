"""What the Linux kernel can take away from a process. Each function raises OSError if it is unavailable.

Numbers and structures are the kernel's interface: unshare(2), landlock(7), prctl(2), setrlimit(2).
"""

import ctypes
import errno
import os
import resource
import signal
import struct
import sys
import time
from pathlib import Path

NOBODY = 65534
_NEW_USER, _NEW_PID, _NEW_NET, _NEW_IPC, _NEW_UTS, _NEW_MOUNT = (
    0x10000000, 0x20000000, 0x40000000, 0x08000000, 0x04000000, 0x00020000,
)  # fmt: skip
_MOUNT_PRIVATE, _MOUNT_RECURSIVE, _MOUNT_LOCKED_DOWN = 1 << 18, 1 << 14, 1 | 2 | 4 | 8
_LANDLOCK_CREATE, _LANDLOCK_RESTRICT = 444, 446
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
# What each version of Landlock can deny: rights on files (bits), rights on the network (bits), scopes (bits).
_LANDLOCK_RIGHTS = {1: (13, 0, 0), 2: (14, 0, 0), 3: (15, 0, 0), 4: (15, 2, 0), 5: (16, 2, 0), 6: (16, 2, 2)}


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _require(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def require_linux() -> None:
    """Raises OSError on other systems, which have none of this."""
    if not sys.platform.startswith("linux"):
        raise OSError(errno.ENOSYS, f"{sys.platform} has no such layer")


def become_nobody() -> None:
    """Drops root's rights for good; an ordinary user has none to drop."""
    if os.geteuid() != 0:
        return
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def unshare_namespaces() -> None:
    """Leaves the machine's users, network, IPC, host name and mounts; children get new pids."""
    flags = _NEW_USER | _NEW_PID | _NEW_NET | _NEW_IPC | _NEW_UTS | _NEW_MOUNT
    _require(_library().unshare(flags), "unshare")


def hide_files() -> None:
    """Makes an empty, read-only folder the root; requires a separate mount namespace."""
    library = _library()
    folder = next(path for path in (b"/tmp", b"/mnt", b"/proc", b"/") if os.path.isdir(path))
    _require(library.mount(b"none", b"/", None, _MOUNT_PRIVATE | _MOUNT_RECURSIVE, None), "mount")
    _require(library.mount(b"none", folder, b"tmpfs", _MOUNT_LOCKED_DOWN, b"size=4k,nr_inodes=2"), "mount")
    os.chroot(folder)
    os.chdir("/")


def forbid_new_rights() -> None:
    """Sets ``no_new_privs``, which Landlock and seccomp require."""
    _require(_library().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def die_with_parent(by: signal.Signals = signal.SIGKILL) -> None:
    """Has the kernel send this process a signal when its parent ends."""
    _require(_library().prctl(_PR_SET_PDEATHSIG, by, 0, 0, 0), "parent's death signal")


def deny_files() -> None:
    """Denies every file and, if the kernel's Landlock supports it, the network, abstract sockets and signals."""
    library = _library()
    version = _require(library.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1), "Landlock")
    files, network, scopes = _LANDLOCK_RIGHTS[min(version, max(_LANDLOCK_RIGHTS))]
    words = 3 if scopes else 2 if network else 1
    rules = struct.pack("QQQ", (1 << files) - 1, (1 << network) - 1, (1 << scopes) - 1)[: 8 * words]
    ruleset = _require(library.syscall(_LANDLOCK_CREATE, rules, ctypes.c_size_t(len(rules)), 0), "Landlock")
    try:
        _require(library.syscall(_LANDLOCK_RESTRICT, ruleset, 0), "Landlock")
    finally:
        os.close(ruleset)


def limit_resources(memory_bytes: int, seconds: int) -> None:
    """Limits a program's address space and CPU time; forbids files, new processes and core dumps.

    Args:
        memory_bytes: Bytes of address space, including what is already in use.
        seconds: CPU seconds until the first signal; the process is killed one second later.
    """
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    for nothing in (resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE):
        resource.setrlimit(nothing, (0, 0))


def cpu_seconds(child: int) -> float:
    """CPU time of another process; wall-clock time if the system has no clock for it."""
    try:
        return time.clock_gettime((~child << 3) | 2)
    except (OSError, OverflowError):
        return time.monotonic()


class AddressSpace:
    """Reads how much address space this process uses, even once it can no longer open files."""

    def __init__(self) -> None:
        there = Path("/proc/self/statm").exists()
        self._descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC) if there else -1

    def bytes_used(self) -> int:
        """Bytes of address space; a generous guess if /proc is missing."""
        if self._descriptor < 0:
            return 1 << 30
        return int(os.pread(self._descriptor, 64, 0).split()[0]) * resource.getpagesize()
