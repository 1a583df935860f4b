"""Who takes part: ours, and peers behind their uniform `run` (peers/README.md, relation/README.md)."""
import json
import os
import re
import sys
import tempfile
from pathlib import Path

import process
from building import build
from ours import Ours
from process import Failed

HERE = Path(__file__).resolve().parent
OUT = Path(os.environ.get("TALEA_BENCH_OUT", HERE / "out")).resolve()
KEPT = ("setup_s", "universal_setup_s", "proof_bytes", "security_bits", "version", "notes")


class Peer:
    """A peer's `run`. A subclass says in `prepare` which command that is, and which flags it takes besides."""

    def __init__(self, name, home):
        self.name, self.home, self.command, self.cwd = name, Path(home), None, None

    def check(self, _run, _threads, _seed):
        """Nothing: each call of `run` checks before it measures."""

    def limits(self):
        return []

    def sample(self, run, threads, seed):
        env = {**os.environ, "RAYON_NUM_THREADS": str(threads), "TALEA_BENCH_LIMIT_S": f"{process.LIMIT_S:g}",
               "TALEA_BENCH_LIMIT_GIB": f"{process.LIMIT_GIB:g}", "TALEA_BENCH_OUT": str(self.home)}
        d_in, rank, d_out = run.shape
        with tempfile.TemporaryDirectory(dir=self.home, prefix="peer-") as folder:
            result = Path(folder) / "result.json"
            sizes = {"d-in": d_in, "rank": rank, "d-out": d_out, "rows": run.rows, "seed": seed, "repeat": 1, "out": result}
            given = [word for k, v in sizes.items() for word in (f"--{k}", str(v))]
            # it watches its own steps, and making what it needs once may take long
            done = process.run([*self.command, *given, *self.limits()], cwd=self.cwd, env=env, limit_s=None, limit_gib=None)
            try:
                doc = json.loads(result.read_text())
            except (OSError, ValueError):
                raise Failed(done.failed or f"status {done.code}: {done.last_error()}") from None
        return parsed(run, doc)


class Script(Peer):
    """A runner that makes its own environment."""

    def prepare(self):
        runner = HERE / "peers" / self.name / "run"
        if not runner.is_file():
            raise Failed(f"not built: there is no peers/{self.name}/run")
        self.command = [sys.executable, str(runner)]


class Crate(Peer):
    """A package with a workspace of its own."""

    def prepare(self):
        self.cwd = HERE / f"circuits-{self.name}"
        if not (self.cwd / "Cargo.toml").is_file():
            raise Failed(f"not built: there is no circuits-{self.name}")
        if self.command is None:
            self.command = [build(self.cwd), "run"]

    def limits(self):
        return ["--limit-s", f"{process.LIMIT_S:.0f}", "--limit-gib", f"{max(1, int(process.LIMIT_GIB))}"]


def parsed(run, doc):
    """A sample of a peer's result.json. Raises Failed where it failed, or measured anything else than it was asked."""
    peak = doc.get("peak_rss_mib")
    if "failed" in doc:
        raise failure(doc, peak)
    try:
        shape = tuple(doc["shape"][k] for k in ("d_in", "rank", "d_out"))
        if (shape, doc["rows"], doc["correct"]) != (run.shape, run.rows, True):
            raise Failed(f"result.json is of {shape}, {doc['rows']} rows, correct: {doc['correct']}")
        sample = {"prove_s": doc["prove_s"][-1], "verify_s": doc["verify_s"][-1], "peak_mib": peak, "threads": doc["threads"],
                  **{k: doc[k] for k in KEPT if k in doc}}
        if doc.get("prove_cpu_s"):
            sample["prove_cpu_s"] = doc["prove_cpu_s"][-1]
        return sample
    except (KeyError, IndexError, TypeError) as e:
        raise Failed(f"result.json: {type(e).__name__}: {e}") from e


def failure(doc, peak):
    """A peer's failure, in the words that the report uses for all: `over N s` or `out of memory`, and in which step."""
    why, step = doc["failed"], None
    if found := re.match(r"stopped in: (.*); limits", doc.get("notes", "")):  # peers/peer.py
        step = found[1]
    elif found := re.match(r"(.*): more than (\d+) (s|MiB of memory)$", why):  # relation/src/command.rs
        step, why = found[1], f"over {found[2]} s" if found[3] == "s" else "out of memory"
    elif "signal: 9" in why:
        step, why = why.split(":")[0], "out of memory"
    over = re.fullmatch(r"over (\d+) s", why)
    # only of a proof does it say how long proving takes at least
    proving = step and re.match(r"(first )?proof( \d+)?(, with .*)?$", step)
    full = f"{why}, in: {step}" if step and step not in why else why
    return Failed(full, over_s=float(over[1]) if over and proving else None, peak_mib=peak)


def all_systems(home=OUT):
    home = Path(home)
    home.mkdir(parents=True, exist_ok=True)
    return {"ours": Ours(home), **{n: Script(n, home) for n in ("zklora", "ezkl")}, **{n: Crate(n, home) for n in ("plonky2", "halo2")}}
