# SPDX-License-Identifier: GPL-3.0-or-later
"""Pipes to a child process that keep nobody waiting and need no threads.

Blender's Python is not made for threads that go on after a script. While one of them runs Python, and be it only to
take a line from a pipe, Python may tidy up Blender's objects there in the middle of a drawing, and Blender crashes. So
pipes are looked into from Blender's own timer.
"""

import contextlib
import os
import sys

CHUNK = 1 << 16  # bytes that are read or written at once; a pipe of Linux holds as many
MOST = 1 << 22  # bytes that one look takes at most, whoever floods the pipe


class Inbox:
    """The end of a pipe that a child process writes lines to. pipe: unbuffered."""

    def __init__(self, pipe) -> None:
        self._pipe, self._rest = pipe, b""
        self._read = _reader(pipe.fileno())

    def lines(self) -> list:
        """The lines (bytes, without their ends) that have arrived since the last call."""
        if self._pipe.closed:
            return []
        parts, taken = [self._rest], 0
        while taken < MOST and (part := self._read()):
            parts.append(part)
            taken += len(part)
        *whole, self._rest = b"".join(parts).split(b"\n")
        return [line.rstrip(b"\r") for line in whole]

    def close(self) -> list:
        """The last lines, even one that has no end; nothing is read any more."""
        lines = self.lines()
        if self._rest:
            lines.append(self._rest)
            self._rest = b""
        with contextlib.suppress(OSError):
            self._pipe.close()
        return lines


class Outbox:
    """The end of a pipe that a child process reads from. What it does not take yet is kept. pipe: unbuffered."""

    def __init__(self, pipe) -> None:
        self._pipe, self._kept = pipe, b""
        self._write = _writer(pipe.fileno())

    def put(self, data: bytes) -> None:
        """Hand over some bytes, now or with a later `flush`."""
        self._kept += data
        self.flush()

    def flush(self) -> None:
        """Hand over what the pipe has room for. A child that is gone is none of our business here."""
        while self._kept and not self._pipe.closed:
            count = self._write(self._kept[:CHUNK])
            if not count:
                return
            self._kept = self._kept[count:]

    def close(self) -> None:
        """The child finds the end of its input."""
        self.flush()
        with contextlib.suppress(OSError):
            self._pipe.close()


if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    _Count = ctypes.POINTER(wintypes.DWORD)
    _kernel.PeekNamedPipe.argtypes = [wintypes.HANDLE, wintypes.LPVOID, wintypes.DWORD, _Count, _Count, _Count]
    _kernel.SetNamedPipeHandleState.argtypes = [wintypes.HANDLE, _Count, _Count, _Count]
    _kernel.WriteFile.argtypes = [wintypes.HANDLE, wintypes.LPCVOID, wintypes.DWORD, _Count, wintypes.LPVOID]
    _PIPE_NOWAIT = 1
    # A pipe takes all of a piece or nothing of it, and may hold no more than a page.
    _PIECE = 1 << 10

    def _reader(number: int):
        handle = msvcrt.get_osfhandle(number)

        def read() -> bytes:
            waiting = wintypes.DWORD()
            if not _kernel.PeekNamedPipe(handle, None, 0, None, ctypes.byref(waiting), None) or not waiting.value:
                return b""
            return os.read(number, min(CHUNK, waiting.value))

        return read

    def _writer(number: int):
        handle = msvcrt.get_osfhandle(number)
        _kernel.SetNamedPipeHandleState(handle, ctypes.byref(wintypes.DWORD(_PIPE_NOWAIT)), None, None)

        def write(data: bytes) -> int:
            written, piece = wintypes.DWORD(), data[:_PIECE]
            if not _kernel.WriteFile(handle, piece, len(piece), ctypes.byref(written), None):
                return 0
            return written.value

        return write

else:

    def _reader(number: int):
        """A function that returns what waits in the pipe: nothing where it is empty or at its end."""
        os.set_blocking(number, False)

        def read() -> bytes:
            with contextlib.suppress(OSError):
                return os.read(number, CHUNK)
            return b""

        return read

    def _writer(number: int):
        """A function that puts bytes into the pipe and returns how many it took."""
        os.set_blocking(number, False)

        def write(data: bytes) -> int:
            with contextlib.suppress(OSError):
                return os.write(number, data)
            return 0

        return write
