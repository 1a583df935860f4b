"""Our own measurements: `talea bench batch`, `talea bench argument` and `talea demo`, each a process of its own."""
import json
import re
import tempfile
from pathlib import Path

import process
from building import build
from machine import ROOT
from process import Failed

SECURITY_BITS = 100  # docs/protocol/README.md §10: BN254's, which a ceremony's reference string keeps and a development one does not
NOTES = "verifies its proof before it prints; reference string for development; adapter path, influence and payouts in one proof"


def command(run, threads, srs, folder, seed, checked=False):
    """Arguments for `talea`; `folder` is empty and belongs to this call. `checked`: it checks its work before it times it."""
    o = run.options
    begin = ["--json", "--threads", str(threads)]
    if o["kind"] == "demo":
        return [*begin, "demo", "--network", str(ROOT / "fixtures/demo"), "--out", str(folder / "demo"), "--keys", str(folder / "keys")]
    if o["kind"] == "argument":
        return [*begin, "bench", "argument", "--srs", str(srs), "--shape", ",".join(map(str, o["shape"])), "--seed", str(seed)]
    d_in, rank, d_out = run.shape
    sizes = {"module": f"{d_in},{rank},{d_out}", **{k: o[k] for k in ("modules", "slots", "requests", "tokens", "clusters")}}
    given = [word for k, v in {**sizes, "seed": seed}.items() for word in (f"--{k}", str(v))]
    flags = {"--no-deltas": not o["deltas"], "--no-check": not checked}
    return [*begin, "bench", "batch", "--srs", str(srs), *given, *(flag for flag, given in flags.items() if given)]


ASKED = ("modules", "slots", "requests", "clusters", "deltas")


def powers_asked(error):
    """log₂ of the powers that a refused reference string should have had; None if something else was wrong."""
    for pattern in (r"found chunks of 2\^(\d+)", r"expected at least 2\^(\d+)"):
        if found := re.search(pattern, error):
            return int(found[1])
    return None


def parsed(run, text, seed, checked=False):
    """A sample of what the command printed. Raises Failed where a figure, the proof's verification or the check asked for is missing."""
    try:
        doc = json.loads(text)
        if run.options["kind"] == "demo":
            return demo(doc)
        stages = {}
        for s in doc["stages"]:
            stages[s["stage"]] = stages.get(s["stage"], 0.0) + s["seconds"]
        verify = stages.pop("verify")  # printed only after the proof was accepted
        sample = {"prove_s": doc["seconds"], "verify_s": verify, "stages": stages, "proof_bytes": doc["proof_bytes"],
                  "peak_mib": doc["peak_kib"] / 1024, "threads": doc["threads"]}
        sample["proof_blake3"] = doc["proof_blake3"]
        if doc["cpu_seconds"] is not None:
            sample["prove_cpu_s"] = doc["cpu_seconds"]
        asked = {"seed": seed}
        if run.options["kind"] == "argument":
            asked["shape"] = dict(zip(("tokens", "rank", "width"), (1 << vars for vars in run.options["shape"])))
        if run.options["kind"] == "batch":
            asked["module"] = dict(zip(("in", "rank", "out"), run.shape))
            asked |= {"rows": run.rows, "checked": checked, **{k: run.options[k] for k in ASKED}}
            sample["detail"] = {k: doc[k] for k in ("chunks", "chunk", "range")}
        found = {k: doc[k] for k in asked}
        if found != asked:
            raise Failed(f"found {found}, expected {asked}")
        return sample
    except (ValueError, KeyError, TypeError) as e:
        raise Failed(f"talea's output: {type(e).__name__}: {e}") from e


def demo(doc):
    """Its wrap and proof were verified natively, the wrap by the contract, and the settlement by an auditor. Keys are made where the
    verifier is deployed, before the wrap that is timed; the folder for them is this call's own and empty."""
    wrap, proof = doc["wrap"], doc["proof"]
    if "settlement" not in doc:
        raise Failed("the demonstration did not settle")
    stages = {f"proof: {s['stage']}": s["seconds"] for s in proof["stages"]}
    stages |= {"wrap: reading keys": wrap["keys"]["seconds"], "wrap: proof": wrap["seconds"], "wrap: verify": wrap["verify_seconds"]}
    stages["everything else"] = doc["seconds"] - sum(stages.values())
    return {"total_s": doc["seconds"], "wrap_s": wrap["seconds"], "prove_s": wrap["seconds"],
            "verify_s": wrap["verify_seconds"], "proof_bytes": wrap["proof_bytes"], "peak_mib": doc["peak_kib"] / 1024,
            "threads": proof["threads"], "stages": stages, "detail": {"inner_proof_bytes": proof["proof_bytes"], "evm": wrap["evm"]}}


class Ours:
    def __init__(self, home):
        self.home, self.program, self.checked, self.sizes = Path(home), None, {}, {}

    def prepare(self):
        if self.program is None:
            self.program = build(ROOT, "-p", "talea-prover")

    def check(self, run, threads, seed):
        """Once before anything is timed, the same work: talea holds its integers against the reference in the clear, and sees a proof
        verify and changed ones refused. The demonstration checks itself as it runs; of the argument alone, a proof verifies."""
        work = self.work(run, seed)
        if run.options["kind"] != "demo" and work not in self.checked:
            try:
                self.checked[work] = self.sample(run, threads, seed, checked=True)["proof_blake3"]
            except Failed as why:
                raise Failed(f"{why}, in: check", **why.facts) from why

    @staticmethod
    def work(run, seed):
        return json.dumps([run.shape, run.options, seed])

    def sample(self, run, threads, seed, checked=False):
        with tempfile.TemporaryDirectory(dir=self.home, prefix="case-") as folder:
            srs = None if run.options["kind"] == "demo" else self.reference_string(run, threads, seed)
            # a check is two proofs and more, and no time of it is reported
            limit = None if checked else process.LIMIT_S
            done = self.talea(command(run, threads, srs, Path(folder), seed, checked), limit_s=limit)
        sample = parsed(run, done.out, seed, checked)
        found, expected = sample.get("proof_blake3"), self.checked.get(self.work(run, seed))
        if expected not in (None, found):  # on any number of threads
            raise Failed(f"proof {found}, expected the one that was checked, {expected}")
        return {**sample, "peak_mib": round(sample["peak_mib"], 1), "wall_s": done.wall_s, "process_cpu_s": done.cpu_s,
                "security_bits": SECURITY_BITS, "version": "this commit", "notes": NOTES}

    def talea(self, arguments, refusal=False, limit_s=process.LIMIT_S):
        """Runs it; a refusal (status 2) is given back where it is expected, everything else raises Failed."""
        done = process.run([self.program, *arguments], cwd=self.home, limit_s=limit_s)
        if done.failed:
            raise Failed(done.failed, peak_mib=done.peak_mib)
        if done.code and not (refusal and done.code == 2):
            raise Failed(f"status {done.code}: {done.last_error()}", peak_mib=done.peak_mib)
        return done

    def reference_string(self, run, threads, seed):
        """The smallest that the run takes: a smaller one is refused with the size that it should have."""
        key = json.dumps([run.shape, run.options])
        if key not in self.sizes:
            small = self.development(1)
            asked = powers_asked(self.talea(command(run, threads, small, self.home, seed), refusal=True).err)
            self.sizes[key] = asked or 1
        return self.development(self.sizes[key])

    def development(self, k):
        """A marked, INSECURE reference string, made where it is missing."""
        file = self.home / "srs" / f"dev-{k}.srs"
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            self.talea(["srs", "dev", "--k", str(k), "--seed", "talea benches", "--out", str(file)])
        return file
