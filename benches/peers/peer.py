"""What both peers' runners share: the command line, the adapter, the watchdog and result.json.

A runner calls `main` with what it proves. `main` starts the runner once more, in the peer's own virtual environment, as a
worker that does the work; the process that stays behind watches its time and memory, and writes result.json whatever happens.
Linux only (it reads /proc). Standard library only.
"""
import argparse
import hashlib
import json
import os
import queue
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

OUT = Path(os.environ.get("TALEA_BENCH_OUT", Path(__file__).resolve().parents[1] / "out")).resolve()
LIMIT_S = float(os.environ.get("TALEA_BENCH_LIMIT_S", 600))  # for each step: setup, one proof, one verification
LIMIT_GIB = float(os.environ.get("TALEA_BENCH_LIMIT_GIB", 20))  # resident memory


def adapter(args):
    """The float adapter and rows of a seed: A (rank × d_in), B (d_out × rank) and X (rows × d_in), as lists of rows."""
    rng = random.Random(args.seed)

    def matrix(rows, columns, bound):
        return [[rng.uniform(-bound, bound) for _ in range(columns)] for _ in range(rows)]

    a = matrix(args.rank, args.d_in, args.d_in**-0.5)
    b = matrix(args.d_out, args.rank, args.rank**-0.5)
    return a, b, matrix(args.rows, args.d_in, 1.0)


def product(x, w):
    """x·wᵀ: every row of x with every row of w."""
    return [[sum(i * j for i, j in zip(row, weights)) for weights in w] for row in x]


def environment(folder, name, installs):
    """The Python of a virtual environment that holds exactly `installs` (argument lists for pip), made where it is missing."""
    stamp = hashlib.sha256(json.dumps([sys.version, installs, [
        Path(a).read_text() for args in installs for a in args if a.endswith(".txt")]]).encode()).hexdigest()
    venv, python = folder / "venv", folder / "venv" / "bin" / "python"
    if (venv / "stamp").is_file() and (venv / "stamp").read_text() == stamp:
        return python
    print(f"{name}: installing into {venv}", file=sys.stderr)
    shutil.rmtree(venv, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    for arguments in installs:
        path = f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}"  # for build back ends in the environment
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", *arguments],
                       check=True, env={**os.environ, "PATH": path, "MATURIN_PEP517_ARGS": "--locked"})
    (venv / "stamp").write_text(stamp)
    return python


def step(name, limit_s=None):
    """Said by the worker: what comes now is `name`, and may take `limit_s`."""
    print("step", json.dumps([name, limit_s or LIMIT_S]), flush=True)


def timed(f, *args, **kwargs):
    """f's result, seconds, and seconds of processor over all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = f(*args, **kwargs)
    return result, time.perf_counter() - wall, time.process_time() - cpu


def memory_mib(pid, key):
    """VmRSS or VmHWM (its peak) of a process; None when it has ended."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None


def expendable():
    """In the worker before it starts: should memory run out all the same, the system ends it first. No core file."""
    Path("/proc/self/oom_score_adj").write_text("1000")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def watch(command, progress):
    """Runs a worker under the limits: what it measured, or {"failed": …}; with its peak of memory either way."""
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=expendable)
    lines, peak, now, limit, since = queue.Queue(), 0.0, "start", LIMIT_S, time.monotonic()

    def read():
        for line in worker.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    failed, measured = None, None
    while True:
        try:
            line = lines.get(timeout=0.05)
        except queue.Empty:
            line = ""
        if line is None:
            break
        kind, _, rest = line.partition(" ")
        if kind == "step":
            (now, limit), since = json.loads(rest), time.monotonic()
        elif kind == "result":
            measured = json.loads(rest)
        elif line:
            sys.stderr.write(line)
        peak = max(peak, memory_mib(worker.pid, "VmHWM") or 0)
        if (memory_mib(worker.pid, "VmRSS") or 0) > LIMIT_GIB * 1024:
            failed = "out of memory"
        elif time.monotonic() - since > limit:
            failed = f"over {limit:.0f} s"
        if failed:
            worker.kill()
            break
    code = worker.wait()
    if failed is None and (measured is None or code):
        failed = "out of memory" if code in (-9, -6) else f"the worker ended with status {code} in {now}"
    if failed is None:
        return {**measured, "peak_rss_mib": round(max(peak, measured["peak_rss_mib"]))}
    return {"failed": (measured or {}).get("failed", failed), "peak_rss_mib": round(peak),
            "notes": f"stopped in: {now}{progress()}; limits: {LIMIT_S:.0f} s a step, {LIMIT_GIB:g} GiB"}


def main(peer, version, prepare, work, progress=lambda folder: ""):
    """`prepare(folder)` gives the Python to work with; `work(args, folder)` measures and returns fields of result.json."""
    parser = argparse.ArgumentParser(prog="run", description=f"Proves a LoRA adapter's output with {peer} {version} and times it.")
    for name in ["d-in", "rank", "d-out", "rows"]:
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeat", type=int, default=3, help="timed proofs after the first one, which is checked and not timed")
    parser.add_argument("--out", required=True, help="where result.json goes")
    parser.add_argument("--work", help=argparse.SUPPRESS)  # given to the worker: its folder
    args = parser.parse_args()
    if min(args.d_in, args.rank, args.d_out, args.rows, args.repeat) < 1:
        parser.error("sizes and --repeat are at least 1")
    if args.work:
        try:
            measured = work(args, Path(args.work))
            print("result", json.dumps({**measured, "peak_rss_mib": memory_mib("self", "VmHWM")}), flush=True)
        except Exception as error:  # whatever a peer raises becomes the one line of the result
            print("result", json.dumps({"failed": " ".join(f"{type(error).__name__}: {error}".split())[:300]}), flush=True)
            sys.exit(1)
        return
    home = OUT / peer.lower()
    home.mkdir(parents=True, exist_ok=True)
    python = prepare(home)
    threads = int(os.environ.get("RAYON_NUM_THREADS", 0)) or len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(dir=home, prefix="case-") as folder:
        command = [python, Path(sys.argv[0]).resolve(), *sys.argv[1:], "--work", folder]
        result = watch(command, lambda: progress(Path(folder)))
    load = os.getloadavg()[0]
    result = {"peer": peer, "version": version, "shape": {"d_in": args.d_in, "rank": args.rank, "d_out": args.d_out},
              "rows": args.rows, "seed": args.seed, "threads": threads, "load_1m": round(load, 1), **result}
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    Path(args.out).write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    sys.exit(1 if "failed" in result else 0)
