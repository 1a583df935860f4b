"""Limits end a process and what it started; a peer behind `run` is believed only where its result says what was asked."""
import os
import sys
import tempfile
import time
import unittest
from pathlib import Path

import process
import systems
from cases import Run

FAKE = """
import argparse, json, os, sys
p = argparse.ArgumentParser()
for name in ["d-in", "rank", "d-out", "rows", "seed", "repeat"]:
    p.add_argument("--" + name, type=int)
p.add_argument("--out")
a = p.parse_args()
doc = {"peer": "fake", "version": "1", "shape": {"d_in": a.d_in, "rank": a.rank, "d_out": a.d_out}, "rows": a.rows, "setup_s": 1,
       "prove_s": [9.0, 2.0], "prove_cpu_s": [3.0], "verify_s": [0.5], "proof_bytes": 10, "peak_rss_mib": 7,
       "threads": int(os.environ["RAYON_NUM_THREADS"]), "correct": True, "security_bits": 100}
%s
json.dump(doc, open(a.out, "w"))
sys.exit("failed" in doc)
"""


class Fake(systems.Peer):
    """A peer whose `run` is a few lines of Python, with some of them changed."""

    def __init__(self, home, change=""):
        super().__init__("fake", home)
        self.command = [sys.executable, "-c", FAKE % change]


class Processes(unittest.TestCase):
    def test_a_process_that_ends_by_itself(self):
        done = process.run([sys.executable, "-c", "import sys; print('out'); print('a\\nb', file=sys.stderr); sys.exit(3)"])
        self.assertEqual((done.code, done.out, done.last_error(), done.failed), (3, "out\n", "b", None))

    def test_time_and_whatever_it_started(self):
        with tempfile.TemporaryDirectory() as folder:
            mark = Path(folder) / "mark"
            code = f"import subprocess, time; subprocess.Popen(['sh', '-c', 'sleep 1.5; touch {mark}']); time.sleep(60)"
            done = process.run([sys.executable, "-c", code], limit_s=0.7)
            self.assertEqual(done.failed, "over 0.7 s")
            time.sleep(1.5)
            self.assertFalse(mark.exists(), "a process that it started went on")

    def test_memory(self):
        done = process.run([sys.executable, "-c", "x = b'1' * (300 << 20); import time; time.sleep(60)"], limit_gib=0.2)
        self.assertEqual(done.failed, "out of memory")
        self.assertGreater(done.peak_mib, 200)

    def test_the_systems_answer_to_too_much_memory(self):
        self.assertEqual(process.run(["sh", "-c", "kill -9 $$"]).failed, "out of memory")


class Peers(unittest.TestCase):
    def sample(self, change=""):
        with tempfile.TemporaryDirectory() as home:
            try:
                return Fake(home, change).sample(Run("fake@4", "fake", 4), 2, seed=1)
            finally:
                self.assertEqual(os.listdir(home), [], "a folder of the case was left")

    def refused(self, change):
        with self.assertRaises(process.Failed) as caught:
            self.sample(change)
        return caught.exception

    def test_a_result(self):
        sample = self.sample()
        self.assertEqual((sample["prove_s"], sample["verify_s"], sample["threads"], sample["peak_mib"]), (2.0, 0.5, 2, 7))

    def test_memory_and_time_are_reported_as_such(self):
        why = self.refused("doc = {'failed': 'out of memory', 'peak_rss_mib': 9, 'notes': 'stopped in: keys; limits: 600 s'}")
        self.assertEqual((str(why), why.over_s, why.facts), ("out of memory, in: keys", None, {"peak_mib": 9}))
        why = self.refused("doc = {'failed': 'over 600 s', 'notes': 'stopped in: first proof, with 3 rows proved; limits: 600 s'}")
        self.assertEqual((str(why), why.over_s), ("over 600 s, in: first proof, with 3 rows proved", 600))

    def test_a_first_proof_that_makes_keys_says_nothing_about_proving(self):
        why = self.refused("doc = {'failed': 'over 600 s', 'notes': 'stopped in: first proof, which makes parameters and keys; limits: 1'}")
        self.assertIsNone(why.over_s)

    def test_the_circuits_own_words(self):
        self.assertEqual(self.refused("doc = {'failed': 'proof 1: more than 600 s'}").over_s, 600)
        self.assertIsNone(self.refused("doc = {'failed': 'setup: more than 600 s'}").over_s)
        self.assertEqual(str(self.refused("doc = {'failed': 'setup: more than 900 MiB of memory'}")), "out of memory, in: setup")
        self.assertEqual(str(self.refused("doc = {'failed': 'proof 1: signal: 9 (SIGKILL): '}")), "out of memory, in: proof 1")

    def test_what_was_not_asked_for_is_refused(self):
        for change in ["doc['rows'] = 5", "doc['shape']['rank'] = 5", "doc['correct'] = False", "doc['prove_s'] = []", "del doc['verify_s']"]:
            self.assertIn("result.json", str(self.refused(change)), change)

    def test_a_peer_without_a_result(self):
        self.assertEqual(str(self.refused("sys.exit('no luck')")), "status 1: no luck")

    def test_what_is_not_there_is_not_built(self):
        for absent in [systems.Script("absent", "."), systems.Crate("absent", ".")]:
            with self.assertRaisesRegex(process.Failed, "^not built: there is no .*absent"):
                absent.prepare()
