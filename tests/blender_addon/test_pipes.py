"""Pipes to a child: nobody waits, nothing is lost, and no thread is needed."""

import subprocess
import sys
import threading
import time

import pytest

PATIENCE = 30  # seconds


@pytest.fixture
def child():
    """Start a Python with pipes; it is gone when the test ends."""
    started = []

    def start(code: str) -> subprocess.Popen:
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        started.append(subprocess.Popen([sys.executable, "-c", code], bufsize=0, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            pipe.close()


def gather(inbox, count):
    """The next `count` lines."""
    lines, until = [], time.monotonic() + PATIENCE
    while len(lines) < count:
        assert time.monotonic() < until, lines[-3:]
        lines += inbox.lines()
        time.sleep(0.005)
    return lines


def test_a_line_that_comes_in_parts_is_told_once_it_is_whole(engine_modules, child):
    process = child("import os, time; os.write(1, b'one\\nt'); input(); os.write(1, b'wo\\r\\nthree'); input()")
    inbox = engine_modules("pipes").Inbox(process.stdout)
    assert gather(inbox, 1) == [b"one"] and inbox.lines() == []
    process.stdin.write(b"\n")
    assert gather(inbox, 1) == [b"two"]
    process.stdin.write(b"\n")
    process.wait(PATIENCE)
    assert inbox.close() == [b"three"] and inbox.lines() == []


def test_a_child_that_does_not_read_keeps_nobody_waiting_and_gets_everything_later(engine_modules, child):
    process = child("import sys, time; time.sleep(1); print(sys.stdin.read().count('word'))")
    outbox = engine_modules("pipes").Outbox(process.stdin)
    begun = time.monotonic()
    for _ in range(100):
        outbox.put(b"word" * 5000)  # two megabytes, of which a pipe holds a small part
    assert time.monotonic() - begun < 0.5
    while process.poll() is None and time.monotonic() - begun < PATIENCE:
        outbox.flush()
        if not outbox._kept:
            outbox.close()
        time.sleep(0.005)
    assert engine_modules("pipes").Inbox(process.stdout).close() == [b"500000"]


def test_a_child_that_is_gone_takes_nothing_and_is_no_error(engine_modules, child):
    process = child("")
    process.wait(PATIENCE)
    outbox = engine_modules("pipes").Outbox(process.stdin)
    outbox.put(b"hello\n")
    outbox.flush()
    outbox.close()
    outbox.put(b"again\n")
    assert engine_modules("pipes").Inbox(process.stdout).close() == []


def test_a_flood_of_lines_is_taken_in_turns(engine_modules, child, monkeypatch):
    pipes = engine_modules("pipes")
    monkeypatch.setattr(pipes, "MOST", 1 << 17)
    process = child("import sys; sys.stdout.write(('x' * 63 + '\\n') * 40000); sys.stdout.flush()")
    inbox = pipes.Inbox(process.stdout)
    taken = []
    while sum(taken) < 40000:
        taken.append(len(inbox.lines()))
        assert taken[-1] <= (pipes.MOST + pipes.CHUNK) // 64
    assert sum(taken) == 40000


def test_an_engine_is_spoken_with_without_threads(engine_modules):
    code = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
    engine = engine_modules("process").EngineProcess([sys.executable, "-c", code])
    try:
        assert threading.active_count() == 1
        numbers = [engine.send("hello", much="x" * 20000) for _ in range(50)]
        messages, until = [], time.monotonic() + PATIENCE
        while len(messages) < 50 and time.monotonic() < until:
            messages += engine.drain()
        assert [message["id"] for message in messages] == numbers
    finally:
        engine.close()
    assert engine.ended() == 0
