"""What our commands and cargo print, and what is read from the repository's own files."""
import json
import unittest
from pathlib import Path

import building
import gas
import ours
import report
from cases import Run
from cases import ours as batch
from machine import ROOT
from process import Failed

# talea --json --threads 2 bench batch --slots 2 --requests 1 --tokens 1 --seed 3 --no-check
BATCH = (Path(__file__).parent / "recorded/batch.json").read_text()
SEED, RUN = 3, batch("x", 2, slots=2)
DEMO = {
    "proof": {"stages": [{"stage": "commitments", "seconds": 2.0}, {"stage": "verifying", "seconds": 0.5}], "proof_bytes": 20000, "threads": 2},
    "wrap": {"keys": {"made": True, "seconds": 30.0}, "seconds": 40.0, "verify_seconds": 0.01, "proof_bytes": 3584, "peak_kib": 2 << 20,
             "evm": {}},
    "settlement": {}, "seconds": 90.0, "peak_kib": 3 << 20,
}


class Batch(unittest.TestCase):
    def test_figures_and_stages(self):
        sample = ours.parsed(RUN, BATCH, SEED)
        self.assertEqual(list(sample["stages"]), ["witness", "columns", "commitments", "lookups", "payout vector", "weights and payouts",
                                                  "matrix products", "opening"])
        doc = json.loads(BATCH)
        self.assertAlmostEqual(sample["verify_s"], doc["stages"][-1]["seconds"])
        self.assertAlmostEqual(sample["prove_s"], sum(sample["stages"].values()), places=3)
        self.assertEqual(sample["prove_cpu_s"], doc["cpu_seconds"])
        self.assertEqual((sample["proof_bytes"], sample["threads"]), (doc["proof_bytes"], 2))

    def test_another_batch_than_asked_is_refused(self):
        others = [batch("x", 4), batch("x", 2, modules=2, slots=2), batch("x", 2, slots=2, deltas=False), batch("x", 2),
                  batch("x", 2, clusters=32, slots=2), batch("x", 2, (64, 4, 32), slots=2)]
        for other in others:
            with self.assertRaisesRegex(Failed, "expected"):
                ours.parsed(other, BATCH, SEED)
        with self.assertRaisesRegex(Failed, "'seed': 7"):
            ours.parsed(RUN, BATCH, 7)

    def test_without_a_check_that_was_asked_for_there_is_no_measurement(self):
        with self.assertRaisesRegex(Failed, "'checked': False.*'checked': True"):
            ours.parsed(RUN, BATCH, SEED, checked=True)
        ours.parsed(RUN, json.dumps(json.loads(BATCH) | {"checked": True}), SEED, checked=True)

    def test_without_a_verification_there_is_no_measurement(self):
        doc = json.loads(BATCH)
        doc["stages"] = [s for s in doc["stages"] if s["stage"] != "verify"]
        for text in [json.dumps(doc), "", "{}", "proved in 1 s"]:
            with self.assertRaises(Failed):
                ours.parsed(RUN, text, SEED)

    def test_where_the_system_tells_no_processor_time_there_is_none(self):
        self.assertNotIn("prove_cpu_s", ours.parsed(RUN, json.dumps(json.loads(BATCH) | {"cpu_seconds": None}), SEED))

    def test_arguments(self):
        def words(*others, **flags):
            return " ".join(ours.command(*others, 2, "s.srs", Path("."), SEED, **flags))

        one = batch("x", 256, (768, 8, 2304), 12, deltas=False)
        begin = "--json --threads 2 bench batch --srs s.srs --module 768,8,2304 --modules 12 --slots 1 --requests 4 --tokens 64 --clusters 16"
        self.assertEqual(words(one, checked=True), f"{begin} --seed 3 --no-deltas")
        self.assertEqual(words(one), f"{begin} --seed 3 --no-deltas --no-check")
        self.assertIn("--slots 10 --requests 1024 --tokens 1 ", words(batch("x", 10240, tokens=1, slots=10)))
        argument = Run("x", "ours", options={"kind": "argument", "shape": [6, 2, 6]})
        self.assertEqual(words(argument), "--json --threads 2 bench argument --srs s.srs --shape 6,2,6 --seed 3")

    def test_the_powers_that_a_refusal_asks_for(self):
        self.assertEqual(ours.powers_asked("talea: --srs: powers: found 2^1, expected at least 2^11"), 11)
        self.assertEqual(ours.powers_asked("talea: bench: sizes: found chunks of 2^13, expected chunks of at most the reference string's 2^1"), 13)
        self.assertIsNone(ours.powers_asked("talea: --srs: file: found none"))


class Demo(unittest.TestCase):
    RUN = Run("demo", "ours", options={"kind": "demo"})

    def test_figures(self):
        sample = ours.parsed(self.RUN, json.dumps(DEMO), SEED)
        self.assertEqual((sample["total_s"], sample["wrap_s"], sample["peak_mib"]), (90.0, 40.0, 3072))
        self.assertAlmostEqual(sum(sample["stages"].values()), 90.0)

    def test_a_settlement_left_out_is_refused(self):
        unsettled = {k: v for k, v in DEMO.items() if k != "settlement"}
        with self.assertRaises(Failed):
            ours.parsed(self.RUN, json.dumps(unsettled), SEED)


class Files(unittest.TestCase):
    def test_cargos_messages(self):
        lines = ['{"reason":"build-script-executed"}', '{"executable":null}', '{"executable":"/x/talea"}', '{"success":true}', ""]
        self.assertEqual(building.executable("\n".join(lines)), "/x/talea")
        with self.assertRaises(Failed):
            building.executable(lines[0])

    def test_gas_of_the_repository(self):
        found = gas.figures()
        self.assertEqual([v["layout"] for v in found["verification"]], ["fast", "cheap"])
        self.assertTrue(all(v["contract"] < v["transaction"] for v in found["verification"]))
        self.assertIn("settle", found["transactions"])

    def test_a_table_without_its_columns_is_refused(self):
        with self.assertRaises(ValueError):
            gas.layouts("| layout | gas |\n|---|---|\n| `fast` |\n")
        with self.assertRaises(ValueError):
            gas.layouts("nothing")

    def test_sections_of_the_peers_readme(self):
        text = (ROOT / report.PEERS).read_text()
        for title in ("What each proves", "Security in bits"):
            self.assertGreater(len(report.section(text, title)), 300)
        self.assertEqual(report.section("## A\nx\n### deeper\ny\n## B\nz", "A"), "x\n### deeper\ny")
        with self.assertRaises(ValueError):
            report.section(text, "No such section")
