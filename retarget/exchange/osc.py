"""Open Sound Control 1.0 over UDP: the few lines of it that a sender needs."""

import socket
import struct
from collections.abc import Sequence
from typing import Any

from mmface_core.errors import UserError

Argument = str | int | float
Message = tuple[str, Sequence[Argument]]

_AT_ONCE = struct.pack(">Q", 1)  # a bundle's time tag: now
_LARGEST = 1400  # bytes that one packet of a usual network carries


def encode(address: str, arguments: Sequence[Argument]) -> bytes:
    """One message: strings as s, whole numbers as i, others as f."""
    tags, data = ",", b""
    for argument in arguments:
        if isinstance(argument, str):
            tags, data = tags + "s", data + _padded(argument)
        elif isinstance(argument, int):
            tags, data = tags + "i", data + struct.pack(">i", argument)
        else:
            tags, data = tags + "f", data + struct.pack(">f", argument)
    return _padded(address) + _padded(tags) + data


def bundles(messages: Sequence[Message]) -> list[bytes]:
    """Messages packed into as few packets as fit a network's usual packet size, in order."""
    packets, packet = [], b""
    for address, arguments in messages:
        message = encode(address, arguments)
        element = struct.pack(">i", len(message)) + message
        if packet and len(packet) + len(element) > _LARGEST - 16:
            packets.append(packet)
            packet = b""
        packet += element
    return [b"#bundle\0" + _AT_ONCE + packet for packet in [*packets, packet] if packet]


class Sender:
    """Sends messages to one receiver; a context manager. Nothing says whether anybody listens: that is UDP."""

    def __init__(self, host: str, port: int) -> None:
        """Raises UserError where the host is unknown."""
        try:
            family, kind, protocol, _, to = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        except (OSError, UnicodeError) as error:
            raise UserError(f"The host {host} cannot be found: {error}.") from error
        self._to: Any = to
        self._socket = socket.socket(family, kind, protocol)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)  # a whole network may listen
        self._sent = False

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, messages: Sequence[Message]) -> None:
        """Send messages, bundled. Raises UserError where the first ones cannot be sent: the address leads nowhere."""
        for packet in bundles(messages):
            try:
                self._socket.sendto(packet, self._to)
            except ConnectionRefusedError:
                pass  # nobody listens yet; they may later
            except OSError as error:
                if not self._sent:  # later the network may be gone for a while, and come back
                    raise UserError(f"Nothing can be sent to {self._to[0]}: {error.strerror or error}.") from error
            self._sent = True


def parse_address(text: str) -> tuple[str, int]:
    """HOST:PORT as typed, or a PORT of this machine. Raises UserError for anything else."""
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError(f"{text} is no address; give HOST:PORT, for example 127.0.0.1:39539.")
    return host.strip("[]") or "127.0.0.1", int(port)


def _padded(text: str) -> bytes:
    data = text.encode("utf-8") + b"\0"
    return data + b"\0" * (-len(data) % 4)
