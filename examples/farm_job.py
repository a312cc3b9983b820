"""A job for a render farm: one command a chunk, and one that joins them. For Flamenco a script, for Deadline two files.

python examples/farm_job.py talk.npz hero.blend /srv/out/talk.mp4 --frames 1-480 --chunk 40 --to flamenco > mmface.js
python examples/farm_job.py talk.npz hero.blend /srv/out/talk.mp4 --frames 1-480 --chunk 40 --to deadline -o job/
python examples/farm_job.py talk.npz hero.blend /srv/out/talk.mp4 --frames 1-480 --chunk 40 --to shell
"""

import argparse
import json
import shlex
from pathlib import Path

FLAMENCO = """\
const JOB_TYPE = {{ label: "mmface render", settings: [] }};
const CHUNKS = {chunks};
const JOIN = {join};
function command(name, argv) {{
  const task = author.Task(name, "misc");
  task.addCommand(author.Command("exec", {{ exe: argv[0], args: argv.slice(1) }}));
  return task;
}}
function compileJob(job) {{
  const join = command("join", JOIN);
  CHUNKS.forEach((argv, number) => {{
    const task = command("chunk " + number, argv);
    join.addDependency(task);
    job.addTask(task);
  }});
  job.addTask(join);
}}
"""


def commands(given: argparse.Namespace) -> tuple[list[list[str]], list[str]]:
    """A command for each chunk, and the one that joins."""
    first, last = map(int, given.frames.split("-"))
    base = ["mmface", "render", given.take, given.rig, "-o", given.output, "--quiet", *given.options]
    starts = range(first, last + 1, given.chunk)
    return [[*base, "--frames", f"{s}-{min(s + given.chunk - 1, last)}"] for s in starts], base


def deadline(folder: Path, chunks: list[list[str]]) -> None:
    """Files for `deadlinecommand JOB.txt PLUGIN.txt`: a task for each line of commands.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "commands.txt").write_text("\n".join(shlex.join(chunk) for chunk in chunks) + "\n")
    job = {"Plugin": "CommandScript", "Name": "mmface render", "Frames": f"0-{len(chunks) - 1}", "ChunkSize": 1}
    (folder / "job.txt").write_text("".join(f"{key}={value}\n" for key, value in job.items()))
    (folder / "plugin.txt").write_text("StartupDirectory=\n")
    print(f"deadlinecommand {folder}/job.txt {folder}/plugin.txt {folder}/commands.txt")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("take")
    parser.add_argument("rig")
    parser.add_argument("output")
    parser.add_argument("--frames", required=True, help="of the clip, such as 1-480")
    parser.add_argument("--chunk", type=int, default=40)
    parser.add_argument("--to", choices=["flamenco", "deadline", "shell"], default="shell")
    parser.add_argument("-o", "--folder", type=Path, default=Path("job"))
    parser.add_argument("options", nargs="*", help="of mmface render, behind --")
    given = parser.parse_args()
    chunks, join = commands(given)
    if given.to == "flamenco":
        print(FLAMENCO.format(chunks=json.dumps(chunks, indent=1), join=json.dumps(join)))
    elif given.to == "deadline":
        deadline(given.folder, chunks)
        print(f"then: {shlex.join(join)}")
    else:
        print("\n".join(shlex.join(command) for command in [*chunks, join]))


if __name__ == "__main__":
    main()
