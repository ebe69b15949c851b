"""The sandbox: a reason for everything, limits that hold, layers that are named, and nothing left behind."""

import dataclasses
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from attention_programs.config import SandboxSettings
from attention_programs.errors import UserError
from attention_programs.programs.run_result import Reason, Rejected, Scored
from attention_programs.programs.runtime import compile_trusted, run
from attention_programs.programs.source import parse_source
from attention_programs.untrusted.sandbox import pool
from attention_programs.untrusted.sandbox.fork_server import SandboxText
from attention_programs.untrusted.sandbox.layers import Layer, Level
from attention_programs.untrusted.sandbox.pool import Ran, Sandbox, UntrustedProgram
from cases import FAILING, GOOD, LONG, TEXT, Failing, Good, program, view_of

SETTINGS = SandboxSettings(text_seconds=0.5, program_seconds=2.0, memory_mib=256)
VIEWS = [view_of(TEXT), view_of(LONG), view_of(LONG[:9])]
TEXTS = [SandboxText(view.ids, view.token_strings) for view in VIEWS]
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's layers are Linux's")


def body(*lines: str) -> str:
    return "def program(text):\n" + textwrap.indent("\n".join(lines), "    ") + "\n"


REASONS = {
    Reason.SYNTAX: ("def program(text:\n", "line 1"),
    Reason.FORBIDDEN: (body("return text.__class__"), "line 2: attribute '__class__'"),
    Reason.IMPORT: (body("import socket", "return text.uniform"), "line 2: 'import socket'"),
    Reason.EXCEPTION: (
        body("m = text.uniform", "return m / [][3]"),
        "IndexError: list index out of range (line 3",
    ),
    Reason.TIME: (body("while True:", "    pass"), "0.5 s for a text"),
    Reason.MEMORY: (body("return [np.ones(2**26) for _ in range(9)]"), "more memory"),
    Reason.WRONG_TYPE: (body("return 'map'"), "str instead of"),
    Reason.WRONG_SHAPE: (body("return np.eye(3)"), "shape (3, 3)"),
    Reason.NOT_FINITE: (body("return np.eye(text.n) * float('nan')"), "undefined"),
    Reason.NEGATIVE: (body("return -np.eye(text.n)"), "negative weight -1"),
    Reason.NOT_DETERMINISTIC: (
        body("return text.uniform + id(text) % 99991 * text.first_token"),
        "another process",
    ),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SETTINGS, 1) as found:
        found.load(TEXTS, causal=True)
        yield found


def one(sandbox: Sandbox, source: str, **more: object) -> Ran:
    [ran] = sandbox.run_all([UntrustedProgram(source, **more)])  # type: ignore[arg-type]
    return ran


@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_every_reason_has_a_program(reason: Reason, sandbox: Sandbox) -> None:
    source, message = REASONS[reason]
    for outcome in one(sandbox, source).outcomes:
        assert isinstance(outcome, Rejected), outcome
        assert (outcome.reason, message in outcome.message) == (reason, True), outcome


def test_no_reason_is_without_a_program() -> None:
    paper = {Reason.NOT_IN_STUB, Reason.MISSING_HELPER}  # see test_paper_library
    elsewhere = {Reason.LOOKS_AHEAD, Reason.RULED_OUT}  # the admission's and the scoring's to give
    assert set(Reason) - set(REASONS) - paper == elsewhere


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_maps_of_the_case_table(case: Good, sandbox: Sandbox) -> None:
    outcome = one(sandbox, case.source).outcomes[0]
    assert isinstance(outcome, Scored), outcome
    np.testing.assert_allclose(outcome.weights, case.pattern, atol=1e-6)


@pytest.mark.parametrize("case", FAILING, ids=lambda case: case.name)
def test_failures_of_the_case_table(case: Failing, sandbox: Sandbox) -> None:
    early = {Reason.FORBIDDEN, Reason.IMPORT, Reason.WRONG_TYPE}  # the sandbox knows more builtins
    outcome = one(sandbox, case.source).outcomes[0]
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason == case.reason or outcome.reason in early


@pytest.mark.parametrize("mentions", [True, False], ids=["terms computed before the fork", "terms computed by itself"])
@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_trusted_programs_give_the_same_bytes_in_and_outside(case: Good, mentions: bool, sandbox: Sandbox) -> None:
    trusted = compile_trusted(case.source, case.name, vouched=True)
    terms = parse_source(case.source, case.name).mentions if mentions else ()
    for view, outcome in zip(VIEWS, one(sandbox, case.source, terms=terms).outcomes, strict=True):
        here = run(trusted, view_of(view.token_strings))
        assert isinstance(outcome, Scored) == isinstance(here, Scored)
        if isinstance(here, Scored) and isinstance(outcome, Scored):
            assert here.weights.tobytes() == outcome.weights.tobytes()


def test_library_programs_give_the_same_bytes_in_and_outside(sandbox: Sandbox) -> None:
    for file in sorted(Path("library").glob("*/*.py")):
        source = file.read_text(encoding="utf-8")
        trusted = compile_trusted(source, str(file), vouched=True)
        for view, outcome in zip(VIEWS, one(sandbox, source).outcomes, strict=True):
            here = run(trusted, view)
            assert isinstance(here, Scored)
            assert isinstance(outcome, Scored), (file, outcome)
            assert here.weights.tobytes() == outcome.weights.tobytes()


def test_each_text_has_its_own_reason(sandbox: Sandbox) -> None:
    source = body("assert text.n != 9", "return text.uniform if text.n == 5 else np.ones(3)")
    outcomes = one(sandbox, source).outcomes
    assert isinstance(outcomes[0], Scored)
    assert [o.reason for o in outcomes[1:] if isinstance(o, Rejected)] == [Reason.WRONG_SHAPE, Reason.EXCEPTION]


def test_what_was_done_before_time_ran_out_is_kept(sandbox: Sandbox) -> None:
    outcomes = one(sandbox, body("while text.n == 9:", "    pass", "return text.uniform")).outcomes
    assert [type(outcome) for outcome in outcomes] == [Scored, Scored, Rejected]


def test_time_spent_on_all_texts_is_bounded(sandbox: Sandbox) -> None:
    many = [TEXTS[0]] * 20
    sandbox.load(many, causal=True)
    try:
        outcomes = one(sandbox, body("for i in range(14_000_000):", "    pass", "return text.uniform")).outcomes
    finally:
        sandbox.load(TEXTS, causal=True)
    assert isinstance(outcomes[0], Scored)
    assert isinstance(outcomes[-1], Rejected)
    assert outcomes[-1].reason is Reason.TIME


def test_the_order_of_sets_is_marked_and_no_reason_to_reject(sandbox: Sandbox) -> None:
    ran = one(sandbox, body("words = sorted({*'abcdefgh'}, key=hash)", "return np.eye(text.n) + (words[0] == 'a') + len(words[0]) * hash(words[0]) % 7 * text.first_token"))  # fmt: skip  # noqa: E501
    assert all(isinstance(outcome, Scored) for outcome in ran.outcomes)
    assert ran.set_order_matters
    assert not one(sandbox, program("text.uniform")).set_order_matters


@pytest.mark.parametrize(
    "line",
    [
        "np.random.rand()",
        "np.random.default_rng().random()",
        "__import__('random').random()" and "random.random()",
        "len(seen)",
    ],
)
def test_chance_and_memory_of_earlier_texts_are_taken_away(line: str, sandbox: Sandbox) -> None:
    source = f"import random\nseen = []\ndef program(text):\n    seen.append(1)\n    return text.uniform + {line}\n"
    ran = one(sandbox, source)
    assert all(isinstance(outcome, Scored) for outcome in ran.outcomes), ran.outcomes
    assert not ran.set_order_matters


def test_fresh_memory_differs_between_the_runs(sandbox: Sandbox) -> None:
    source = body(
        "fresh = np.empty((text.n + 40, 64), dtype=np.uint8)", "return text.uniform + text.first_token * fresh.sum()"
    )
    assert isinstance(one(sandbox, source).outcomes[0], Rejected)


def test_numpy_finds_its_own_parts_through_the_import_of_programs(sandbox: Sandbox) -> None:
    line = "return m * m.sum() * m.mean() * norm(m) * np.linalg.det(np.eye(2)) * (1 + m.std())"
    source = "import numpy as np\nfrom numpy.linalg import norm\n" + body("m = np.ones((text.n, text.n))", line)
    assert isinstance(one(sandbox, source).outcomes[0], Scored)


def test_nothing_of_the_scorers_environment_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    lines = ("import os", "assert 'OPENAI_API_KEY' not in os.environ", "assert len(os.environ) < 12")
    source = body(*lines, "return text.uniform")
    with Sandbox(SETTINGS, 1, filters=False) as sandbox:
        sandbox.load(TEXTS, causal=True)
        assert isinstance(one(sandbox, source).outcomes[0], Scored)


def test_a_very_long_source_is_refused(sandbox: Sandbox) -> None:
    ran = one(sandbox, body("x = 1 # " + "a" * pool.LONGEST_SOURCE, "return text.uniform"))
    assert isinstance(ran.outcomes[0], Rejected)
    assert ran.outcomes[0].reason is Reason.FORBIDDEN


@pytest.mark.parametrize("depth", [200, 20_000])
def test_deeply_nested_sources_are_a_reason_and_no_crash(depth: int, sandbox: Sandbox) -> None:
    ran = one(sandbox, body("return " + "(" * depth + "1" + ")" * depth))
    assert isinstance(ran.outcomes[0], Rejected)
    assert isinstance(one(sandbox, program("text.uniform")).outcomes[0], Scored)


# --- layers -----------------------------------------------------------------------------------------------------------


@LINUX
@pytest.mark.parametrize(
    ("without", "level"),
    [
        ([Layer.LANDLOCK], Level.STRONG),
        ([Layer.NAMESPACES], Level.STRONG),
        ([Layer.USER], Level.STRONG),
        ([Layer.LANDLOCK, Layer.NAMESPACES], Level.MEDIUM),
        ([Layer.SECCOMP], Level.MEDIUM),
        ([Layer.SECCOMP, Layer.LANDLOCK], Level.WEAK),
        (list(Layer), Level.WEAK),
    ],
    ids=str,
)
def test_a_missing_layer_is_named_and_below_strong_is_refused(without: list[Layer], level: Level) -> None:
    allowed = dataclasses.replace(SETTINGS, lowest_level=str(level))
    with Sandbox(allowed, 1, without=without) as found:
        assert found.level is level
        assert all(f"no {layer} (switched off)" in found.description for layer in without)
        found.load(TEXTS, causal=True)
        assert isinstance(one(found, program("text.uniform")).outcomes[0], Scored)
    if level is not Level.STRONG:
        with pytest.raises(UserError, match=rf"reaches level {level} .*set sandbox.lowest_level: {level} if you trust"):
            Sandbox(SETTINGS, 1, without=without)


def test_a_server_for_every_program_works_where_there_are_no_layers() -> None:
    settings = dataclasses.replace(SETTINGS, lowest_level="weak")
    with Sandbox(settings, 1, without=list(Layer), spawn=True) as found:
        found.load(TEXTS, causal=True)
        servers = set()
        for _ in range(2):
            assert isinstance(one(found, program("text.uniform")).outcomes[0], Scored)
            servers.add(found._workers[0].main.process.pid)
        late = one(found, REASONS[Reason.TIME][0]).outcomes[0]
    assert len(servers) == 2
    assert isinstance(late, Rejected)
    assert late.reason is Reason.TIME


CHILD = """
import sys
from attention_programs.config import SandboxSettings
from attention_programs.untrusted.sandbox.pool import UntrustedProgram, Sandbox
from attention_programs.untrusted.sandbox.fork_server import SandboxText
with Sandbox(SandboxSettings(), 1) as sandbox:
    sandbox.load([SandboxText((1, 2), (" a", " b"))], True)
    [good] = sandbox.run_all([UntrustedProgram("def program(text):\\n    return text.uniform\\n")])
    [bad] = sandbox.run_all([UntrustedProgram("def program(text):\\n    return open('/etc/passwd')\\n")])
    print(sandbox.description, good.outcomes[0], bad.outcomes[0], flush=True)
"""


SYSTEM_PYTHON = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
"""Perhaps readable by users who can't read the one that runs the tests."""
WITHOUT = ["sh", "-c", 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"', "-"]


def run_as(wrapper: list[str], interpreter: str, script: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, sys.path))
    environment = {"PYTHONPATH": path, "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*wrapper, interpreter, "-c", script]
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)


def runs(wrapper: list[str], interpreter: str) -> bool:
    """Whether that user can start processes with an interpreter that has NumPy."""
    script = "import subprocess, sys, numpy; subprocess.run([sys.executable, '-c', ''], check=True)"
    return os.path.exists(interpreter) and run_as(wrapper, interpreter, script).returncode == 0


@LINUX
@pytest.mark.parametrize(
    "wrapper",
    [
        ["setpriv", "--reuid=1234", "--regid=1234", "--clear-groups"],
        ["unshare", "--user"],
        ["unshare", "--user", "--map-root-user"],
        ["unshare", "--user", "--map-root-user", *WITHOUT],
    ],
    ids=["an ordinary user", "a user without namespaces", "root of a namespace", "root without namespaces"],
)
def test_it_is_strong_for_every_kind_of_user(wrapper: list[str]) -> None:
    interpreter = next((p for p in (os.path.realpath(sys.executable), SYSTEM_PYTHON) if runs(wrapper, p)), "")
    if not interpreter:
        pytest.skip("this user can't run a fitting Python here")
    done = run_as(wrapper, interpreter, CHILD)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("strong ("), done.stdout
    assert "Scored" in done.stdout
    assert Reason.FORBIDDEN in done.stdout


# --- kills ------------------------------------------------------------------------------------------------------------


def servers() -> set[int]:
    """Processes of any sandbox on this machine that are not waiting to be collected."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line, status = (folder / "cmdline").read_bytes(), (folder / "stat").read_text()
        except OSError:
            continue
        if b"sandbox.server" in line and status.rsplit(")", 1)[1].split()[0] != "Z":
            found.add(int(folder.name))
    return found


def children(parent: int) -> list[int]:
    text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(number) for number in text.split()]


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


SLOW = body("total = 0", "for i in range(3_000_000):", "    total += i % 7", "return text.uniform + total")


@LINUX
@pytest.mark.parametrize("depth", [1, 2, 3], ids=["the server", "the server's inner process", "the program's process"])
def test_a_kill_in_the_middle_changes_no_result(depth: int) -> None:
    before = servers()
    with Sandbox(dataclasses.replace(SETTINGS, text_seconds=5, program_seconds=30, check_texts=0), 1) as sandbox:
        sandbox.load(TEXTS, causal=True)
        calm = one(sandbox, SLOW).outcomes
        outer = sandbox._workers[0].main.process.pid
        killed = []

        def kill() -> None:
            until(lambda: children(outer) and children(children(outer)[0]))
            inner = children(outer)[0]
            killed.append({1: outer, 2: inner, 3: children(inner)[0]}[depth])
            os.kill(killed[0], signal.SIGKILL)

        thread = threading.Thread(target=kill)
        thread.start()
        outcomes = one(sandbox, SLOW).outcomes
        thread.join()
        assert killed
        assert (sandbox._workers[0].main.process.pid == outer) == (depth == 3)
    for first, second in zip(calm, outcomes, strict=True):
        assert isinstance(first, Scored)
        assert isinstance(second, Scored)
        assert first.weights.tobytes() == second.weights.tobytes()
    until(lambda: servers() <= before)


@LINUX
def test_a_process_that_is_always_killed_is_taken_for_want_of_memory() -> None:
    with Sandbox(dataclasses.replace(SETTINGS, text_seconds=20, program_seconds=60, check_texts=0), 1) as sandbox:
        sandbox.load(TEXTS, causal=True)
        inner = children(sandbox._workers[0].main.process.pid)[0]
        stop = threading.Event()

        def kill() -> None:
            while not stop.is_set():
                for child in children(inner):
                    os.kill(child, signal.SIGKILL)
                time.sleep(0.05)

        thread = threading.Thread(target=kill)
        thread.start()
        outcome = one(sandbox, body("while True:", "    pass")).outcomes[0]
        stop.set()
        thread.join()
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.MEMORY
    assert "killed 2 times from outside" in outcome.message


@LINUX
def test_nothing_outlives_the_scorer() -> None:
    before = servers()
    script = CHILD.replace("return text.uniform", "while True: pass").replace("Settings()", "Settings(text_seconds=60)")
    scorer = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    until(lambda: len(servers() - before) >= 7)  # three servers of two processes each, and the program's
    scorer.kill()
    scorer.wait()
    until(lambda: servers() <= before)


def test_closing_leaves_no_process_and_no_descriptor() -> None:
    before, descriptors = servers(), len(os.listdir("/proc/self/fd"))
    with Sandbox(SETTINGS, 2) as sandbox:
        sandbox.load(TEXTS, causal=True)
        list(sandbox.run_all([UntrustedProgram(program("text.uniform"))] * 3))
    until(lambda: servers() <= before)
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_program_that_lies_about_its_progress_is_stopped_by_the_clock() -> None:
    lie = (
        "import sys, threading",
        "frame = sys._getframe()",
        "while 'buffer' not in frame.f_locals:",
        "    frame = frame.f_back",
        "count = 1",
        "while True:",
        "    count += 1",
        "    frame.f_locals['buffer'].begin(count)",
        "    threading.Event().wait(0.05)",
    )
    settings = SandboxSettings(text_seconds=0.2, program_seconds=0.3, check_texts=0)
    with Sandbox(settings, 1, filters=False) as sandbox:
        sandbox.load(TEXTS, causal=True)
        start = time.monotonic()
        outcome = one(sandbox, body(*lie)).outcomes[0]
        assert 1 < time.monotonic() - start < 20
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.TIME


def test_many_open_files_of_the_scorer_are_closed_to_programs() -> None:
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(200)]
    try:
        with Sandbox(dataclasses.replace(SETTINGS, lowest_level="weak"), 1, filters=False, without=list(Layer)) as weak:
            weak.load(TEXTS, causal=True)
            lines = (
                "import os",
                "n = 0",
                "for fd in range(1024):",
                "    try:",
                "        os.fstat(fd)",
                "        n += 1",
            )
            found = one(
                weak, body(*lines, "    except OSError:", "        pass", "assert n == 0, n", "return text.uniform")
            )
    finally:
        for descriptor in opened:
            os.close(descriptor)
    assert isinstance(found.outcomes[0], Scored), found.outcomes
