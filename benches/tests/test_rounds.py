"""Turns, statistics, and runs that fail; targets over what comes out."""
import contextlib
import io
import unittest

import cases
import rounds
import targets
from cases import Case, Run, Target
from process import Failed


class Scripted:
    """A system whose samples are given; an exception among them is raised."""

    def __init__(self, log, name, samples, check=None):
        self.log, self.name, self.samples, self.broken = log, name, list(samples), check

    def prepare(self):
        self.log.append(f"prepare {self.name}")

    def check(self, _run, _threads, _seed):
        self.log.append(f"check {self.name}")
        if self.broken:
            raise self.broken

    def sample(self, run, threads, _seed):
        self.log.append(run.name)
        figure = self.samples.pop(0)
        if isinstance(figure, Exception):
            raise figure
        return {"prove_s": figure, "verify_s": 0.1, "peak_mib": 10, "threads": threads, "proof_bytes": 5, "security_bits": 100}


def measured(systems, runs, count=3, threads=2):
    with contextlib.redirect_stderr(io.StringIO()):
        results = rounds.measure(Case("case", "A case", tuple(runs), rounds=count), systems, threads, 1)
    return {r["name"]: r for r in results}


class Rounds(unittest.TestCase):
    def test_everything_is_checked_first_and_then_takes_turns(self):
        log = []
        systems = {n: Scripted(log, n, [3.0, 1.0, 2.5]) for n in "ab"}
        done = measured(systems, [Run("a", "a"), Run("b", "b")])
        self.assertEqual(log, ["prepare a", "check a", "prepare b", "check b", "a", "b", "b", "a", "a", "b"])
        self.assertEqual(done["a"]["stats"]["prove_s"], {"min": 1.0, "median": 2.5, "max": 3.0, "n": 3})
        self.assertEqual([s["prove_s"] for s in done["a"]["samples"]], [3.0, 1.0, 2.5])
        self.assertTrue(all("busy_cores" in s for s in done["a"]["samples"]))

    def test_a_run_that_fails_is_reported_and_takes_no_more_turns(self):
        log = []
        failure = Failed("over 600 s, in: proof 1", over_s=600.0, peak_mib=123)
        done = measured({"a": Scripted(log, "a", [1.0, failure, 1.0]), "b": Scripted(log, "b", [1.0] * 3)}, [Run("a", "a"), Run("b", "b")])
        self.assertEqual((done["a"]["status"], done["a"]["failed"], done["a"]["over_s"]), ("failed", "over 600 s, in: proof 1", 600.0))
        self.assertEqual((done["a"]["peak_mib_when_ended"], done["b"]["stats"]["prove_s"]["n"], log.count("a")), (123, 3, 2))

    def test_what_fails_its_check_is_not_timed(self):
        log = []
        done = measured({"a": Scripted(log, "a", [1.0], check=Failed("not built: no"))}, [Run("a", "a")])
        self.assertEqual((done["a"]["status"], done["a"]["samples"], "a" in log), ("not built", [], False))

    def test_other_threads_than_asked_are_refused(self):
        class Other(Scripted):
            def sample(self, run, threads, seed):
                return {**super().sample(run, threads, seed), "threads": 1}
        self.assertEqual(measured({"a": Other([], "a", [1.0])}, [Run("a", "a")])["a"]["failed"], "ran on 1 threads instead of 2")

    def test_a_slow_run_takes_fewer_turns(self):
        done = measured({"a": Scripted([], "a", [1.0] * 3)}, [Run("a", "a", rounds=1)])
        self.assertEqual(done["a"]["stats"]["prove_s"]["n"], 1)


def result(name, seconds, rows=1, **others):
    return {"name": name, "system": "x", "rows": rows, "shape": [2, 1, 1], "options": {}, "status": "measured",
            "stats": {"prove_s": {"min": seconds, "median": 2 * seconds}, "peak_mib": {"min": 8, "median": 8}}, **others}


class Targets(unittest.TestCase):
    def held(self, left, right, **bounds):
        return targets.evaluate(Target("t", "s_per_row", left["name"], right and right["name"], **bounds), [r for r in (left, right) if r])

    def test_ratio(self):
        line = self.held(result("a", 10.0), result("b", 1.0, rows=10), least=100)
        self.assertEqual((line["value"], line["by_medians"], line["met"], line["why"]), (100, 100, True, ""))
        self.assertFalse(self.held(result("a", 10.0), result("b", 1.0, rows=10), least=101)["met"])

    def test_absolute(self):
        self.assertTrue(self.held(result("a", 3.5), None, most=3.5)["met"])
        self.assertFalse(self.held(result("a", 3.6), None, most=3.5)["met"])

    def test_ended_while_it_proved_is_a_lower_bound(self):
        ended = {**result("a", 0), "status": "failed", "failed": "over 600 s, in: proof 1", "over_s": 600.0, "stats": {}}
        line = self.held(ended, result("b", 1.0), least=500)
        self.assertEqual((line["value"], line["bound"], line["met"]), (600, True, True))
        self.assertIsNone(self.held(ended, result("b", 1.0), least=700)["met"])

    def test_failed_otherwise_is_unknown_with_its_reason(self):
        ended = {**result("a", 1.0), "status": "failed", "failed": "out of memory"}
        line = self.held(ended, result("b", 1.0), least=1)
        self.assertEqual((line["value"], line["met"], line["why"]), (None, None, "a: out of memory"))
        self.assertIsNone(self.held(result("b", 1.0), ended, least=1)["met"])

    def test_cells(self):
        wide = {**result("a", 1.0, rows=4), "shape": [768, 8, 2304], "options": {"modules": 12, "deltas": True}}
        self.assertEqual(targets.cells(wide), 4 * 12 * (768 + 8 + 2304))
        self.assertEqual(targets.cells({**wide, "options": {"modules": 12, "deltas": False}}), 4 * 12 * 776)


class Cases(unittest.TestCase):
    def test_runs_are_named_once_and_targets_name_them(self):
        for quick in (False, True):
            for case in cases.all_cases(quick):
                names = [r.name for r in case.runs]
                self.assertEqual(len(names), len(set(names)), case.name)
                for t in case.targets:
                    self.assertIn(t.left, names)
                    self.assertIn(t.right, [None, *names])
                    self.assertIn(t.metric, targets.METRICS)

    def test_our_batches_have_the_rows_that_they_say(self):
        for case in cases.all_cases() + cases.all_cases(True):
            for r in case.runs:
                if r.options.get("kind") == "batch":
                    self.assertEqual(r.options["slots"] * r.options["requests"] * r.options["tokens"], r.rows, f"{case.name}, {r.name}")

    def test_choosing(self):
        self.assertEqual([c.name for c in cases.chosen(only=["demo"], quick=True)], ["demo"])
        self.assertNotIn("demo", [c.name for c in cases.chosen(quick=True)])
        self.assertEqual({r.system for c in cases.chosen(systems=["halo2"]) for r in c.runs}, {"halo2"})
        with self.assertRaises(KeyError):
            cases.chosen(only=["nothing"])
