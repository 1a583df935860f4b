"""Runs of a case, taking turns; minima, medians and every sample are kept."""
import statistics
import sys

import machine
from process import Failed

CONSTANT = ("proof_bytes", "security_bits", "version", "notes", "setup_s", "universal_setup_s", "threads", "detail")
TIMED = ("prove_s", "verify_s", "prove_cpu_s", "process_cpu_s", "peak_mib", "wall_s", "wrap_s", "total_s")


def entry(run, threads):
    return {"name": run.name, "system": run.system, "rows": run.rows, "shape": list(run.shape), "options": run.options,
            "threads": run.threads or threads, "status": "not run", "samples": []}


def failed(result, why):
    """A run that failed stays in the report with its reason, and takes no more turns."""
    result.update(status="not built" if str(why).startswith("not built") else "failed", failed=str(why))
    if why.over_s:
        result["over_s"] = why.over_s
    if why.facts.get("peak_mib"):
        result["peak_mib_when_ended"] = why.facts["peak_mib"]
    print(f"    {result['name']}: {why}", file=sys.stderr)


def prepare(case, systems, results, threads, seed):
    """Builds what takes part, and has it check itself, before anything is timed."""
    for run in case.runs:
        try:
            systems[run.system].prepare()
            systems[run.system].check(run, run.threads or threads, seed)
        except Failed as why:
            failed(results[run.name], why)


def measure(case, systems, threads, seed, save=lambda results: None):
    """All rounds of a case: each run's turn comes once a round, and each round begins one run later."""
    results = {run.name: entry(run, threads) for run in case.runs}
    prepare(case, systems, results, threads, seed)
    for turn in range(case.rounds):
        first = turn % len(case.runs)
        for run in case.runs[first:] + case.runs[:first]:
            result = results[run.name]
            if "failed" in result or turn >= min(case.rounds, run.rounds or case.rounds):
                continue
            busy = machine.busy_cores()
            try:
                sample = systems[run.system].sample(run, result["threads"], seed)
            except Failed as why:
                failed(result, why)
                continue
            take(result, sample, turn + 1, busy)
            print(f"    {run.name}, round {turn + 1}: {sample['prove_s']:.3f} s", file=sys.stderr)
            save(list(results.values()))
    return list(results.values())


def take(result, sample, turn, busy):
    """Adds a sample. Threads other than asked for would spoil a comparison without anybody seeing it."""
    if sample["threads"] != result["threads"]:
        failed(result, Failed(f"ran on {sample['threads']} threads instead of {result['threads']}"))
        return
    result.update({k: sample[k] for k in CONSTANT if k in sample}, status="measured")
    varying = {k: v for k, v in sample.items() if k not in CONSTANT}
    result["samples"].append({"round": turn, "busy_cores": busy, **varying})
    result["stats"] = {k: stats([s[k] for s in result["samples"]]) for k in TIMED if k in sample}


def stats(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values), "n": len(values)}
