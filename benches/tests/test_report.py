"""Tables and plots' data of a small report."""
import copy
import unittest

import plots
import report
from rounds import stats


def run(name, system, rows, seconds, **others):
    return {"name": name, "system": system, "rows": rows, "shape": [64, 4, 64], "options": {"kind": "batch"} if system == "ours" else {},
            "threads": 2, "status": "measured", "proof_bytes": 1000 * rows, "security_bits": 100,
            "samples": [{"round": i + 1, "busy_cores": 0.1, "prove_s": s, "stages": {"a": s / 4, "b": s * 3 / 4}} for i, s in enumerate(seconds)],
            "stats": {"prove_s": stats(seconds), "verify_s": stats([0.002]), "peak_mib": stats([100.0, 120.0])}, **others}


BROKEN = {"status": "failed", "failed": "over 600 s, in: proof 1", "over_s": 600.0, "samples": [], "stats": {}, "peak_mib_when_ended": 9000}
REPORT = {
    "started": "2026-01-02 03:04 UTC", "finished": "2026-01-02 04:04 UTC", "checkout": {"commit": "0123456789abcdef" * 2, "dirty": True},
    "machine": {"cpu": "A processor", "cores": 2, "memory_mib": 1000, "kernel": "6.1", "rustc": "rustc 1.95.0"}, "threads": 2,
    "limit_s": 600, "limit_gib": 20, "quick": False, "gas": {"sources": ["x"], "verification": [
        {"layout": "fast", "contract": 400000, "transaction": 500000, "settling": 584473}], "transactions": {"settle": 151494, "claim, later": 194909}},
    "cases": [{"name": "rows", "title": "Rows", "remark": "A remark.", "rounds": 2, "runs": [
        run("ours@1", "ours", 1, [0.5, 0.25]), run("ours@64", "ours", 64, [1.6, 3.2]), run("zklora@1", "zklora", 1, [50.0]),
        {**run("ezkl@64", "ezkl", 64, [1.0]), **BROKEN}],
        "targets": [
            {"target": "first", "least": 500, "most": None, "value": 2000.0, "by_medians": 1000.0, "met": True, "why": ""},
            {"target": "second", "least": None, "most": 3.5, "value": 3.6, "by_medians": 3.7, "met": False, "why": ""},
            {"target": "third", "least": 10, "most": None, "value": None, "by_medians": None, "met": None, "why": "ezkl@64: out of memory"}]}],
}


def cells(text, begins):
    return [c.strip() for c in next(line for line in text.splitlines() if line.startswith(begins)).strip("|").split("|")]


class Report(unittest.TestCase):
    def setUp(self):
        self.text = report.text(REPORT)

    def test_head(self):
        self.assertIn("commit 0123456789ab, with changes that are not committed", self.text)
        for absent in ("quick run", "Not finished", "Beside other work"):
            self.assertNotIn(absent, self.text)

    def test_a_busy_machine_and_an_unfinished_run_say_so(self):
        other = copy.deepcopy(REPORT)
        other["cases"][0]["runs"][0]["samples"][0]["busy_cores"] = 1.5
        other["finished"] = None
        text = report.text(other)
        self.assertIn("**Beside other work**: it kept 0.1 to 1.5 of", text)
        self.assertIn("**Not finished**", text)

    def test_targets(self):
        self.assertEqual(cells(self.text, "| first")[1:], ["≥ 500", "2,000", "1,000", "yes", ""])
        self.assertEqual(cells(self.text, "| second")[1:], ["≤ 3.50", "3.60", "3.70", "**no**", ""])
        self.assertEqual(cells(self.text, "| third")[1:], ["≥ 10.00", "–", "–", "unknown", "ezkl@64: out of memory"])

    def test_ratios_are_per_row_at_the_same_rows_and_at_our_best(self):
        zklora = cells(self.text, "| ZKLoRA | 1 |")
        self.assertEqual(zklora[3:8], ["50.00 / 50.00", "1", "50,000", "200", "2,000"])
        self.assertEqual(cells(self.text, "| Talea | 64 |")[3:8], ["1.60 / 2.40", "2", "25.00", "–", "–"])

    def test_a_failure_stands_in_its_line(self):
        ezkl = cells(self.text, "| EZKL | 64 |")
        self.assertEqual((ezkl[3], ezkl[11], ezkl[-1]), ("–", "9,000", "**over 600 s, in: proof 1**"))

    def test_remark_stages_and_gas(self):
        self.assertIn("\nA remark.\n", self.text)
        self.assertEqual(cells(self.text, "| b |"), ["b", "188", "75.0 %"])
        self.assertEqual(cells(self.text, "| `fast` |"), ["`fast`", "400,000", "500,000", "584,473"])

    def test_figures(self):
        shown = [report.figure(v) for v in (None, 0, 12345.6, 99.5, 1.234, 0.1234, 0.00123, 1.2e-7)]
        self.assertEqual(shown, ["–", "0", "12,346", "99.50", "1.23", "0.123", "0.0012", "1.2e-07"])


class Plots(unittest.TestCase):
    def test_points_are_of_what_was_measured(self):
        self.assertEqual(plots.against_rows(REPORT, "prove_s", "min"), {"ours": [(1, 0.25), (64, 1.6)], "zklora": [(1, 50.0)]})
        self.assertEqual(plots.against_rows(REPORT, "peak_mib", "max")["zklora"], [(1, 120.0)])

    def test_bars_and_stages(self):
        self.assertEqual(plots.bars(REPORT, lambda r: r["proof_bytes"]), [
            ("Talea, 1", "ours", 1000), ("Talea, 64", "ours", 64000), ("ZKLoRA, 1", "zklora", 1000)])
        self.assertEqual(plots.stages(REPORT), [("rows: 64 rows, 1.60 s", {"a": 25.0, "b": 75.0})])
        self.assertEqual(plots.gas_bars(REPORT), [("settle, fast", "ours", 584473), ("claim, later", "ours", 194909)])
        self.assertEqual(plots.unmeasured(REPORT), ["EZKL, 64 rows: over 600 s, in: proof 1"])

    def test_a_report_without_measurements_draws_nothing_of_them(self):
        data = {name: d for name, (d, _) in plots.drawings({"cases": []}).items()}
        self.assertFalse(any(data.values()))


if __name__ == "__main__":
    unittest.main()
