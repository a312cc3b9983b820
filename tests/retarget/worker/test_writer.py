"""Answers of the engine go out whole and in order, and nobody waits for the reader."""

import json
import os
import threading
import time

import pytest

from retarget.worker.protocol import Writer

COUNT, PADDING = 300, "x" * 2000  # more than a pipe holds
PATIENCE = 20  # seconds


@pytest.fixture
def pipe():
    """(the reading end, a `Writer` of the other one)."""
    read, write = os.pipe()
    with os.fdopen(read, "rb") as source, os.fdopen(write, "wb") as sink:
        writer = Writer(sink)
        yield source, writer
        writer.close(PATIENCE)


def test_a_reader_that_is_busy_holds_nobody_up_and_misses_nothing(pipe):
    source, writer = pipe
    begun = time.monotonic()
    for number in range(COUNT):
        writer.send({"id": number, "padding": PADDING})
    assert time.monotonic() - begun < 1.0
    assert [json.loads(source.readline())["id"] for _ in range(COUNT)] == list(range(COUNT))


def test_messages_of_several_threads_stay_whole(pipe):
    source, writer = pipe
    threads = [
        threading.Thread(target=lambda n=n: [writer.send({"id": n, "padding": PADDING}) for _ in range(50)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    numbers = [json.loads(source.readline())["id"] for _ in range(200)]
    for thread in threads:
        thread.join()
    assert sorted(numbers) == sorted(n for n in range(4) for _ in range(50))


def test_closing_writes_what_is_left(pipe):
    source, writer = pipe
    writer.send({"id": 1})
    writer.close(PATIENCE)
    assert json.loads(source.readline()) == {"id": 1}


def test_a_reader_that_is_gone_is_found_out():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb", buffering=0) as sink:
        writer = Writer(sink)
        until = time.monotonic() + PATIENCE
        with pytest.raises(OSError):
            while time.monotonic() < until:
                writer.send({"id": 1})
                time.sleep(0.001)
