"""Programs of this repository, built in release; CARGO_TARGET_DIR and CARGO_BUILD_JOBS are cargo's own to heed."""
import json
import subprocess
import sys
from pathlib import Path

from process import Failed


def build(folder, *arguments):
    """Builds in `folder`, whose cargo configuration counts, and gives the path of the one program that comes out."""
    print(f"cargo build in {Path(folder).name}", file=sys.stderr)
    command = ["cargo", "build", "--release", "--locked", "--message-format=json-render-diagnostics", *arguments]
    try:
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True)  # what cargo says on stderr is for whoever waits
    except OSError as e:
        raise Failed(f"not built: cargo: {e.strerror}") from e
    if done.returncode:
        raise Failed(f"not built: cargo ended with status {done.returncode}")
    return executable(done.stdout)


def executable(messages):
    """The program that cargo's messages, an object a line, name last."""
    found = None
    for line in messages.splitlines():
        message = json.loads(line) if line.startswith("{") else {}
        found = message.get("executable") or found
    if found is None:
        raise Failed("not built: cargo names no program")
    return found
