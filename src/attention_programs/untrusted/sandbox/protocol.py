"""Messages between the scorer and its fork servers: length-prefixed JSON with at most one file descriptor."""

import json
import socket
import struct
from typing import Any, NamedTuple

_LENGTH = struct.Struct("!Q")
NO_DESCRIPTOR = -1


class Received(NamedTuple):
    """A message and the file descriptor that came with it."""

    message: dict[str, Any]
    descriptor: int


class Closed(Exception):  # noqa: N818 - not an error: the other side is gone
    """The other side went away."""


def send(channel: socket.socket, message: dict[str, Any], descriptor: int = NO_DESCRIPTOR) -> None:
    """Sends a message.

    Raises:
        Closed: if the other side went away.
    """
    body = json.dumps(message).encode()
    try:
        header = _LENGTH.pack(len(body))
        if descriptor == NO_DESCRIPTOR:
            channel.sendall(header)
        else:
            socket.send_fds(channel, [header], [descriptor])
        channel.sendall(body)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise Closed from error


def receive(channel: socket.socket) -> Received:
    """Waits for a message; the descriptor is ``NO_DESCRIPTOR`` if none came.

    Raises:
        Closed: if the other side went away.
    """
    try:
        header, descriptors, _, _ = socket.recv_fds(channel, _LENGTH.size, 1)
        header += _read(channel, _LENGTH.size - len(header)) if header else b""
        if not header:
            raise Closed
        body = _read(channel, _LENGTH.unpack(header)[0])
    except ConnectionResetError as error:
        raise Closed from error
    return Received(json.loads(body), descriptors[0] if descriptors else NO_DESCRIPTOR)


def _read(channel: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = channel.recv(min(length - len(parts), 1 << 20))
        if not part:
            raise Closed
        parts += part
    return bytes(parts)
