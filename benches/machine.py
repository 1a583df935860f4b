"""Facts of the machine and the checkout, for the report. Linux (it reads /proc); no name of host, user or folder."""
import os
import platform
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def field(path, key):
    """The value of the first line `key: value` or `key : value`; None where there is none."""
    try:
        for line in Path(path).read_text().splitlines():
            name, colon, value = line.partition(":")
            if colon and name.strip() == key:
                return value.strip()
    except OSError:
        pass
    return None


def cores():
    return len(os.sched_getaffinity(0))


def memory_mib():
    return int((field("/proc/meminfo", "MemTotal") or "0").split()[0]) // 1024


def busy_cores(seconds=0.25):
    """Cores that other work keeps busy, or takes from a virtual machine, while this process waits. The load would not do: it is a
    mean over a minute, and remembers the sample before."""
    def clock():
        user, nice, system, idle, iowait, *others = (int(n) for n in Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
        return (used := user + nice + system + sum(others)), used + idle + iowait

    used, total = clock()
    time.sleep(seconds)
    used_then, total_then = clock()
    return round((used_then - used) / max(1, total_then - total) * os.cpu_count(), 2)


def first_line(*command):
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.splitlines()[0] if done.returncode == 0 and done.stdout else None


def facts():
    return {
        "cpu": field("/proc/cpuinfo", "model name") or platform.machine(), "cores": cores(), "memory_mib": memory_mib(),
        "kernel": platform.release(), "python": platform.python_version(), "rustc": first_line("rustc", "--version"),
        "busy_cores_at_start": busy_cores(),
    }


def checkout():
    """The commit, and whether files that git tracks differ from it."""
    changed = first_line("git", "status", "--porcelain", "--untracked-files=no")
    return {"commit": first_line("git", "rev-parse", "HEAD"), "dirty": bool(changed)}
