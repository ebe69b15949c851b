"""Collects what the benchmarks of each module measured; a module says by ``summary`` what it means."""

import os
from pathlib import Path
from typing import Any

import pytest

from attention_programs.config import load_config
from attention_programs.files import write_json
from attention_programs.paths import project_root
from benchmarks.report import Section, as_json, as_lines

# Has to be set before torch is first imported, as the pipeline does.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

ROOT = project_root(Path.cwd())
SECTIONS = pytest.StashKey[dict[str, Section]]()


@pytest.fixture(scope="session")
def threads() -> int:
    """Threads that the stages use."""
    return load_config(ROOT / "params.yaml").threads


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Writes ``results/bench.json`` if all went well."""
    sections: dict[str, Section] = {}
    if exitstatus == 0:
        medians: dict[str, float] = {
            one.fullname: one.stats.median for one in session.config._benchmarksession.benchmarks
        }
        for module in dict.fromkeys(item.module for item in session.items if isinstance(item, pytest.Function)):
            own = {
                item.name.removeprefix("bench_"): medians[item.nodeid]
                for item in session.items
                if isinstance(item, pytest.Function) and item.module is module and item.nodeid in medians
            }
            sections[module.__name__.split("bench_")[-1]] = module.summary(own)
        write_json(ROOT / "results" / "bench.json", as_json(sections, load_config(ROOT / "params.yaml").threads))
    session.config.stash[SECTIONS] = sections


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Prints the sections."""
    for line in as_lines(config.stash.get(SECTIONS, {}), load_config(ROOT / "params.yaml").threads):
        terminalreporter.write_line(line)
