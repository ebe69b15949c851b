"""The team's tracking server, if there is one.

MLflow's own environment variables choose it: ``MLFLOW_TRACKING_URI`` (``http://...`` or ``https://...``), and for a
server with basic authentication ``MLFLOW_TRACKING_USERNAME`` and ``MLFLOW_TRACKING_PASSWORD``. There is no setting for
it: where a team keeps its records says nothing about the results, so it must become part neither of what DVC watches
nor of the content key; and loading a surrogate by MLflow alone reads the same variables. Without a server everything
goes into the project's own SQLite file.
"""

import os
from urllib.parse import urlsplit

from attention_programs.errors import UserError

VARIABLE = "MLFLOW_TRACKING_URI"
USER, PASSWORD = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"


def server_address() -> str:
    """The tracking server's address without a slash at its end; empty if the project's own store is used.

    Raises:
        UserError: if the variable names neither a server nor an SQLite file, or holds a user or a password, which would
            then be printed and stored with the address.
    """
    address = os.environ.get(VARIABLE, "").strip()
    if not address or address.startswith("sqlite:"):
        return ""
    parts = urlsplit(address)
    if "@" in parts.netloc:
        raise UserError(f"{VARIABLE} holds a user or a password; set {USER} and {PASSWORD} instead")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(
            f"{VARIABLE} names no tracking server ({parts.scheme or 'no'} address); set it to http://HOST:PORT or "
            "https://HOST, or unset it for the project's own store"
        )
    return address.rstrip("/")


def page(address: str, experiment: str, rest: str = "") -> str:
    """The address of an experiment, or of something in it, in the pages of a server.

    >>> page("http://127.0.0.1:5000", "1", "/runs")
    'http://127.0.0.1:5000/#/experiments/1/runs'
    """
    return f"{address}/#/experiments/{experiment}{rest}"
