"""A process under limits of time and memory, and what it took. Linux: memory is read from /proc."""
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass

import machine

LIMIT_S = float(os.environ.get("TALEA_BENCH_LIMIT_S", 600))
LIMIT_GIB = float(os.environ.get("TALEA_BENCH_LIMIT_GIB", 0)) or min(20.0, round(machine.memory_mib() / 1024 * 0.9, 1))


class Failed(Exception):
    """Why there is no measurement, in a line. `over_s` if it was a proof that had run for this long when it was ended."""

    def __init__(self, why, over_s=None, **facts):
        super().__init__(why)
        self.over_s, self.facts = over_s, facts


@dataclass
class Outcome:
    code: int
    out: str
    err: str
    wall_s: float
    cpu_s: float
    peak_mib: float
    failed: str | None  # ended by us, or by the system for its memory

    def last_error(self):
        lines = [line for line in self.err.splitlines() if line.strip()]
        return (lines or ["nothing said"])[-1].strip()[:300]


def run(command, cwd=None, env=None, limit_s=LIMIT_S, limit_gib=LIMIT_GIB):
    """Runs a command in a process group of its own, which is ended when it passes a limit (None: there is none)."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        child = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
        try:
            status, usage, peak, failed = watch(child.pid, start, limit_s, limit_gib)
        except BaseException:  # an interrupt, too: nothing that was started goes on
            end(child.pid)
            child.wait()
            raise
        wall = time.monotonic() - start
        child.returncode = code = os.waitstatus_to_exitcode(status)
        if failed is None and code == -signal.SIGKILL:
            failed = "out of memory"  # the system's answer to too much of it
        out.seek(0)
        err.seek(0)
        return Outcome(code, out.read().decode(errors="replace"), err.read().decode(errors="replace"), round(wall, 3),
                       round(usage.ru_utime + usage.ru_stime, 2), peak, failed)


def watch(pid, start, limit_s, limit_gib):
    """Looks at it twenty times a second until it has ended."""
    peak, failed = 0.0, None
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            return status, usage, round(peak, 1), failed
        peak = max(peak, mib(pid, "VmHWM"))
        if failed is None:
            if limit_gib and mib(pid, "VmRSS") > limit_gib * 1024:
                failed = "out of memory"
            elif limit_s and time.monotonic() - start > limit_s:
                failed = f"over {limit_s:g} s"
            if failed:
                end(pid)
        time.sleep(0.05)


def mib(pid, key):
    return int((machine.field(f"/proc/{pid}/status", key) or "0").split()[0]) / 1024


def end(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
