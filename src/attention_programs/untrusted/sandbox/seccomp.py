"""A system call filter: the few calls that Python code needs are allowed, all others fail with EPERM.

The numbers are the kernel's, for the two supported CPU architectures.
"""

import ctypes
import errno
import platform
import struct
from collections.abc import Callable

_X86_64 = {
    "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15,
    "sched_yield": 24, "mremap": 25, "madvise": 28, "exit": 60, "gettimeofday": 96, "sigaltstack": 131, "time": 201,
    "futex": 202, "restart_syscall": 219, "clock_gettime": 228, "clock_getres": 229, "exit_group": 231,
    "set_robust_list": 273, "rseq": 334,
}  # fmt: skip
_AARCH64 = {
    "exit": 93, "exit_group": 94, "futex": 98, "set_robust_list": 99, "clock_gettime": 113, "clock_getres": 114,
    "sched_yield": 124, "restart_syscall": 128, "sigaltstack": 132, "rt_sigaction": 134, "rt_sigprocmask": 135,
    "rt_sigreturn": 139, "gettimeofday": 169, "brk": 214, "munmap": 215, "mremap": 216, "mmap": 222, "mprotect": 226,
    "madvise": 233, "rseq": 293,
}  # fmt: skip
_MACHINES = {"x86_64": (0xC000003E, _X86_64), "aarch64": (0xC00000B7, _AARCH64)}
_X32_BIT = 0x40000000
_PROT_EXEC = 4
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _MACHINE_AT, _PROTECTION_AT = 0, 4, 16 + 2 * 8
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)


def build_filter() -> bytes:
    """The filter for this CPU, as BPF bytecode.

    Raises:
        OSError: if the CPU's system calls are unknown.
    """
    if platform.machine() not in _MACHINES:
        raise OSError(errno.ENOSYS, f"no list of system calls for {platform.machine()}")
    machine, calls = _MACHINES[platform.machine()]
    protecting = {calls["mmap"], calls["mprotect"]}
    lines = [
        _instruction(_LOAD, _MACHINE_AT),
        _instruction(_EQUAL, machine, if_true=1),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER_AT),
        _instruction(_AT_LEAST, _X32_BIT, if_false=1),
        _instruction(_RETURN, _ERROR),
    ]
    for number in sorted(set(calls.values()) - protecting):
        lines += [_instruction(_EQUAL, number, if_false=1), _instruction(_RETURN, _ALLOW)]
    for number in sorted(protecting):  # executable memory is denied
        lines += [
            _instruction(_EQUAL, number, if_false=4),
            _instruction(_LOAD, _PROTECTION_AT),
            _instruction(_ANY_BIT, _PROT_EXEC, if_false=1),
            _instruction(_RETURN, _ERROR),
            _instruction(_RETURN, _ALLOW),
        ]
    return b"".join([*lines, _instruction(_RETURN, _ERROR)])


def prepared_filter() -> Callable[[], None]:
    """A function that installs the filter for good in the process that calls it and in all that it starts.

    Build it before a fork and call it after. It requires ``no_new_privs``, and raises OSError if the kernel refuses.

    Raises:
        OSError: if this CPU's system calls are unknown.
    """
    library, instructions = ctypes.CDLL(None, use_errno=True), build_filter()

    def put_on() -> None:
        buffer = ctypes.create_string_buffer(instructions, len(instructions))
        program = _Program(len(instructions) // 8, ctypes.addressof(buffer))
        if library.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "the kernel refuses the filter of system calls")

    return put_on
