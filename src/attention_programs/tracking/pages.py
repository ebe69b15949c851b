"""MLflow's own UI: on the local store served by this process, on a team's store by its server."""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from attention_programs.errors import UserError
from attention_programs.offline import QUIET
from attention_programs.tracking.addresses import ROOT_VARIABLE
from attention_programs.tracking.lookup import DATABASE
from attention_programs.tracking.mlflow_store import open_store
from attention_programs.tracking.saved_view import charts_page, runs_page
from attention_programs.tracking.server import server_address
from attention_programs.untrusted.sandbox.linux import die_with_parent

STOP_SECONDS = 10
"""Time that the server gets to shut down."""


@dataclass(frozen=True)
class Listening:
    """Where the UI is served, and to whom."""

    host: str = "127.0.0.1"
    port: int = 5000
    allowed_hosts: str = ""
    """Names that browsers may ask for, separated by commas; by default those of this machine and private networks."""


def show(root: Path, experiment: str, listening: Listening) -> None:
    """Prints the URL of an experiment's runs, then serves MLflow's UI until stopped, unless a tracking server does.

    The server ends with this process, however that ends. MLflow's job workers, which are not needed, are not started.

    Args:
        root: The repository's folder.
        experiment: Name of the experiment.
        listening: Where to serve.

    Raises:
        UserError: if nothing was published yet, the port is in use or not available, or the server stops unexpectedly;
            if the tracking server can't be reached or rejects the user.
    """
    address = server_address()
    with open_store(root) as store:
        number = store.experiment(experiment)
    if address:
        _print_pages(address, number)
    else:
        _serve(root, number, listening)


def _print_pages(address: str, experiment: str) -> None:
    print(f"runs:     {runs_page(address, experiment)}")
    print(f"charts:   {charts_page(address, experiment)}")
    print(f"registry: {address}/#/models", flush=True)


def _serve(root: Path, experiment: str, listening: Listening) -> None:
    host, port = listening.host, listening.port
    _require_free(host, port)
    _print_pages(f"http://{f'[{host}]' if ':' in host else host}:{port}", experiment)
    store_address = ["--backend-store-uri", f"sqlite:///{root / DATABASE}"]
    options = [*store_address, "--workers", "1", "--host", host, "--port", str(port)]
    if listening.allowed_hosts:
        options += ["--allowed-hosts", listening.allowed_hosts]
    module = [sys.executable, "-m", "attention_programs.tracking.pages", str(os.getpid())]
    environment = {**os.environ, **QUIET, ROOT_VARIABLE: str(root)}
    former = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    server = subprocess.Popen([*module, "ui", *options], cwd=root, env=environment, process_group=0)
    try:
        server.wait()
    finally:
        _stop(server)
        signal.signal(signal.SIGTERM, former)
    raise UserError(f"MLflow's server on port {port} stopped unexpectedly, see above; try another --port")


def _require_free(host: str, port: int) -> None:
    """Tries to bind the port: MLflow itself reports that it is in use only after seconds, and then exits with 0."""
    if not 0 < port < 2**16:
        raise UserError(f"--port is {port}; use a number from 1 to {2**16 - 1}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"port {port} is in use; choose another with --port") from error
        reason = error.strerror or error
        raise UserError(f"cannot serve on {host}, port {port} ({reason}); change --host or --port") from error


def _stop(server: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)


def _run_as_child(parent: int, arguments: list[str]) -> None:
    from mlflow.cli import cli

    if sys.platform == "linux":  # elsewhere a parent that is killed outright leaves it running
        die_with_parent(by=signal.SIGTERM)
    if os.getppid() == parent:  # else it ended before the kernel knew
        cli(arguments, prog_name="mlflow")


if __name__ == "__main__":
    _run_as_child(int(sys.argv[1]), sys.argv[2:])
