"""Pictures of MLflow's pages with the models side by side: their table and their charts.

    python docs/screenshots.py --project . --output docs/images

Needs Chromium (``apt-get install chromium``; ``--browser`` names another of its family). Serves the project's own store
on loopback for as long as it takes.
"""

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

PAGES = {"runs": "mlflow-models.png", "charts": "mlflow-charts.png"}
"""File of each page that ``attention-programs ui`` prints."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_SECONDS = 600
RENDER_MILLISECONDS = 30_000
"""Time that the page believes to have passed when the picture is taken."""


def main() -> None:
    """Takes the pictures."""
    options = argparse.ArgumentParser(description="Pictures of MLflow's pages with the models side by side.")
    options.add_argument("--project", type=Path, default=Path(), help="project folder with a published store")
    options.add_argument("--output", type=Path, default=Path("docs/images"), help="folder for the pictures")
    options.add_argument("--browser", default=next(filter(shutil.which, BROWSERS), ""), help="Chromium's command")
    options.add_argument("--size", default="2200,1000", help="width and height in pixels")
    chosen = options.parse_args()
    if not chosen.browser:
        sys.exit(
            f"none of {', '.join(BROWSERS)} is installed; run `apt-get install chromium`, or name one by --browser"
        )
    chosen.output.mkdir(parents=True, exist_ok=True)
    with served(chosen.project) as addresses:
        for page, name in PAGES.items():
            take(addresses[page], chosen.output / name, chosen.browser, chosen.size)
            print(chosen.output / name)


@contextlib.contextmanager
def served(project: Path) -> Iterator[dict[str, str]]:
    """Serves the project's own store; yields the address of each page."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    command = [sys.executable, "-m", "attention_programs.cli", "ui", "--port", str(port), "--project", str(project)]
    local = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    with subprocess.Popen(command, env=local, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            lines = [server.stdout.readline() for _ in range(3)]
            addresses = {name: address.strip() for name, _, address in (line.partition(":") for line in lines)}
            if "runs" not in addresses:
                sys.exit(server.wait())
            wait_for(f"http://127.0.0.1:{port}/health")
            yield addresses
        finally:
            server.terminate()


def wait_for(address: str) -> None:
    """Waits until something answers."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):  # noqa: S310
            return
        if time.monotonic() > end:
            sys.exit(f"{address} does not answer")
        time.sleep(0.5)


def take(address: str, picture: Path, browser: str, size: str) -> None:
    """Takes a picture of a page."""
    with tempfile.TemporaryDirectory() as profile:
        switches = [
            "--headless=new",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            f"--user-data-dir={profile}",
        ]
        if os.geteuid() == 0:
            switches.append("--no-sandbox")
        timing = [f"--virtual-time-budget={RENDER_MILLISECONDS}", f"--window-size={size}"]
        command = [browser, *switches, *timing, f"--screenshot={picture.resolve()}", address]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL, timeout=PATIENCE_SECONDS)


if __name__ == "__main__":
    main()
