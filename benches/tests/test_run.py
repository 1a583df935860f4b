"""The whole command with programs that are a few lines of Python: report.json, report.md, exit status."""
import contextlib
import importlib.machinery
import importlib.util
import io
import json
import re
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import report as report

HERE = Path(__file__).resolve().parent

# Speaks as `talea` does: makes files for reference strings, refuses small ones, and prints what was recorded, of the sizes asked for.
TALEA = """
import json, sys
a = sys.argv[1:]
if a[0] == "srs":
    open(a[a.index("--out") + 1], "w").write(a[a.index("--k") + 1])
    sys.exit()
k = int(open(a[a.index("--srs") + 1]).read())
if k < 12:
    print(f"talea: --srs: powers: found 2^{k}, expected at least 2^12", file=sys.stderr)
    sys.exit(2)
doc = json.load(open(RECORDED))
n = lambda flag: int(a[a.index(flag) + 1])
if "argument" in a:
    doc = {k: doc[k] for k in ("stages", "seconds", "cpu_seconds", "proof_bytes", "proof_blake3", "peak_kib")}
    doc["shape"] = dict(zip(("tokens", "rank", "width"), (1 << int(v) for v in a[a.index("--shape") + 1].split(","))))
else:
    rows = n("--slots") * n("--requests") * n("--tokens")
    if rows == BROKEN:
        print("talea: the proof does not verify", file=sys.stderr)
        sys.exit(2)
    doc |= {k: n("--" + k) for k in ("modules", "slots", "requests", "clusters")}
    doc |= {"rows": rows, "deltas": "--no-deltas" not in a, "seconds": doc["seconds"] * (1 + rows / 100)}
    doc["checked"] = CHECKS and "--no-check" not in a
    doc["module"] = dict(zip(("in", "rank", "out"), map(int, a[a.index("--module") + 1].split(","))))
    if OTHER and not doc["checked"]:
        doc["proof_blake3"] = "of another proof"
print(json.dumps(doc | {"threads": n("--threads"), "seed": n("--seed")}))
"""

PEER = """
import json, sys
a = sys.argv[1:]
n = lambda flag: int(a[a.index(flag) + 1])
doc = {"peer": "NAME", "version": "1", "shape": {"d_in": n("--d-in"), "rank": n("--rank"), "d_out": n("--d-out")}, "rows": n("--rows"),
       "prove_s": [2000.0], "verify_s": [0.5], "proof_bytes": 1000, "peak_rss_mib": 500, "threads": 2, "correct": True, "security_bits": 126}
if "NAME" == "ezkl":
    doc = {"failed": "out of memory", "peak_rss_mib": 20000, "notes": "stopped in: keys; limits: 600 s a step, 20 GiB"}
json.dump(doc, open(a[a.index("--out") + 1], "w"))
sys.exit("failed" in doc)
"""


def command():
    loader = importlib.machinery.SourceFileLoader("benches_run", str(HERE.parent / "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("benches_run", loader))
    loader.exec_module(module)
    return module


class Whole(unittest.TestCase):
    def run_it(self, *arguments, broken=0, checks=True, other=False):
        """Exit status, report.json and report.md of a run with two peers that work, one that runs out of memory, one not built."""
        run = command()
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            programs = run.systems.all_systems(home / "home")
            given = f"RECORDED, BROKEN, CHECKS, OTHER = {str(HERE / 'recorded/batch.json')!r}, {broken}, {checks}, {other}"
            (home / "talea").write_text(f"#!{sys.executable}\n{given}\n{TALEA}")
            (home / "talea").chmod(0o700)
            programs["ours"].program = str(home / "talea")
            for name in ("zklora", "ezkl", "halo2"):
                peer = programs[name] = run.systems.Peer(name, home / "home")
                peer.prepare, peer.command = (lambda: None), [sys.executable, "-c", PEER.replace("NAME", name)]
            programs["plonky2"] = run.systems.Crate("absent", home / "home")
            out = home / "report"
            argv = ["run", "--quick", "--no-plots", "--threads", "2", "--out", str(out), *arguments]
            with mock.patch.object(run.systems, "all_systems", lambda: programs), mock.patch.object(sys, "argv", argv), \
                    contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                status = run.main()
            text = (out / "report.md").read_text()
            doc = json.loads((out / "report.json").read_text())
            self.assertNotIn(folder, text + json.dumps(doc), "a report names no folder of the machine")
            return status, doc, text

    def test_everything_is_in_the_report(self):
        status, doc, text = self.run_it()
        self.assertEqual(status, 0)
        self.assertEqual([c["name"] for c in doc["cases"]], ["rows", "wide", "model", "payouts", "linear", "threads", "argument"])
        self.assertTrue(doc["finished"] and re.fullmatch("[0-9a-f]{40}", doc["checkout"]["commit"]))
        rows = {r["name"]: r for r in doc["cases"][0]["runs"]}
        self.assertEqual({rows[n]["status"] for n in ("ours@1", "ours@64", "zklora@1", "halo2@64")}, {"measured"})
        self.assertEqual((rows["ezkl@1"]["status"], rows["ezkl@1"]["failed"]), ("failed", "out of memory, in: keys"))
        self.assertEqual(rows["plonky2@1"]["status"], "not built")
        mine = rows["ours@1"]
        for key in ("security_bits", "threads", "proof_bytes"):
            self.assertIn(key, mine)
        for key in ("prove_cpu_s", "process_cpu_s"):
            self.assertIn(key, mine["stats"])
        line = next(line for line in text.splitlines() if line.startswith("| EZKL | 1 |"))
        self.assertIn("20,000", line)
        self.assertIn("**out of memory, in: keys**", line)
        line = next(line for line in text.splitlines() if line.startswith("| ZKLoRA | 1 |"))
        cells = [c.strip() for c in line.split("|")]
        self.assertEqual(cells[7], report.figure(2000 / mine["stats"]["prove_s"]["min"]))
        self.assertIn("**A quick run**", text)
        self.assertNotIn("](../", text)
        self.assertIn("| x and delta | public, in full, in the statement |", text)
        self.assertIn("| `fast` | 438,221 | 554,114 | 638,587 |", text)
        self.assertIn("Stages of ours@64", text)

    def test_if_ours_fails_the_status_says_so(self):
        status, doc, text = self.run_it("--only", "rows", "--systems", "ours", broken=16)
        runs = {r["name"]: r for r in doc["cases"][0]["runs"]}
        self.assertEqual((status, runs["ours@16"]["failed"]), (1, "status 2: talea: the proof does not verify, in: check"))
        self.assertEqual(runs["ours@1"]["status"], "measured")
        self.assertIn("**status 2: talea: the proof does not verify, in: check**", text)

    def test_another_proof_than_was_checked_is_not_measured(self):
        _, doc, _ = self.run_it("--quick", "--only", "rows", "--systems", "ours", other=True)
        runs = {r["name"]: r for r in doc["cases"][0]["runs"]}
        self.assertIn("of another proof, expected the one that was checked", runs["ours@1"]["failed"])

    def test_what_was_not_checked_is_not_measured(self):
        status, doc, _ = self.run_it("--only", "rows", "--systems", "ours", checks=False)
        runs = {r["name"]: r for r in doc["cases"][0]["runs"]}
        self.assertEqual((status, runs["ours@1"]["status"]), (1, "failed"))
        self.assertIn("'checked': False", runs["ours@1"]["failed"])

    def test_bad_arguments(self):
        for bad in [("--only", "nothing"), ("--systems", "nobody"), ("--threads", "0"), ("--rounds", "0"), ("--seed", "-1")]:
            with self.assertRaises(SystemExit) as caught:
                self.run_it(*bad)
            self.assertEqual(caught.exception.code, 2, bad)
