"""What people and programs see while a batch runs."""

import io
import json

from rich.console import Console

from retarget.batch.jobs import Job, Options
from retarget.batch.plan import Plan, Task
from retarget.batch.progress import JsonLines, Table
from retarget.batch.work import Failure


def small_plan(tmp_path):
    plan = Plan(refused={"gone on hero": "There is no file gone.mp4."})
    for name in ("a", "b"):
        capture = plan.add(Task("capture", name, "k", {}, cost=100.0))
        last = plan.add(Task("retarget", f"{name} on hero", "k", {}, needs=(capture,), cost=100.0))
        plan.jobs.append((Job(tmp_path / f"{name}.mp4", None, Options()), f"{name} on hero", (last,)))
    return plan


def test_the_table_shows_rates_failures_and_what_runs(tmp_path):
    plan, table = small_plan(tmp_path), Table()
    console = Console(file=io.StringIO(), width=110)
    table._live = type("Still", (), {"start": lambda s: None, "update": lambda s, p: None, "stop": lambda s: None})()
    table.begin(plan, {"capture:a"}, "2 workers at tcp://127.0.0.1:1")
    for task in plan.tasks.values():
        table.started(task)
    table.event({"id": "capture:b", "what": "capture", "done": 30, "total": 100})
    table.ended(plan.tasks["retarget:a on hero"], {"seconds": 2.0, "frames": 100})
    table.ended(plan.tasks["retarget:b on hero"], Failure("The rig has no shape keys."))
    console.print(table.picture())
    said = console.file.getvalue()
    assert "b: capture 30/100" in said
    assert "failed retarget b on hero: The rig has no shape keys." in said
    assert "failed gone on hero: There is no file gone.mp4." in said
    row = next(line for line in said.splitlines() if line.startswith("  retarget"))
    assert row.split()[:4] == ["retarget", "1", "2", "1"]
    assert "2 workers" in said


def test_json_lines_are_json_and_tell_each_event(tmp_path, capsys):
    plan, lines = small_plan(tmp_path), JsonLines()
    lines.begin(plan, set(), "here")
    lines.started(plan.tasks["capture:a"])
    lines.event({"id": "capture:a", "what": "capture", "done": 1, "total": 9})
    lines.ended(plan.tasks["capture:a"], Failure("No face."))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["begin", "progress", "failed"]
    assert events[2]["sentence"] == "No face."


def test_the_time_left_follows_the_cost_of_what_is_left(tmp_path, monkeypatch):
    plan, table = small_plan(tmp_path), JsonLines()
    now = [100.0]
    monkeypatch.setattr("retarget.batch.progress.time.monotonic", lambda: now[0])
    table.begin(plan, set(), "here")
    assert table.left() is None
    now[0] += 10
    table.ended(plan.tasks["capture:a"], {"seconds": 10.0, "frames": 100})
    assert table.left() == 30.0  # a quarter is done in 10 s
