"""Targets held against what was measured: met, missed, or unknown and why."""


def cells(result):
    """Cells of X, U and D; those of A and B do not grow with the batch."""
    d_in, rank, d_out = result["shape"]
    options = result["options"]
    return result["rows"] * options.get("modules", 1) * (d_in + rank + (d_out if options.get("deltas", True) else 0))


METRICS = {
    "prove_s": ("prove_s", lambda r: 1),
    "wrap_s": ("wrap_s", lambda r: 1),
    "total_s": ("total_s", lambda r: 1),
    "peak_mib": ("peak_mib", lambda r: 1),
    "s_per_row": ("prove_s", lambda r: r["rows"]),
    "ms_per_row_module": ("prove_s", lambda r: r["rows"] * r["options"].get("modules", 1) / 1e3),
    "s_per_cell": ("prove_s", cells),
    "mib_per_cell": ("peak_mib", cells),
}


def value(result, metric, stat="min"):
    """A metric of a run by its minimum or median; None if the run was not measured."""
    figure, per = METRICS[metric]
    if result is None or result["status"] != "measured" or figure not in result.get("stats", {}):
        return None
    return result["stats"][figure][stat] / per(result)


def at_least(result, metric):
    """What a run that was ended while it proved would have exceeded; None if it says nothing."""
    figure, per = METRICS[metric]
    if result is None or figure != "prove_s" or "over_s" not in result:
        return None
    return result["over_s"] / per(result)


def evaluate(target, results):
    """One line of the report's table. Minima decide; the ratio of medians stands beside them."""
    runs = {r["name"]: r for r in results}
    names = [n for n in (target.left, target.right) if n]
    line = {"target": target.says, "least": target.least, "most": target.most, "value": None, "by_medians": None, "met": None}
    right = runs.get(target.right)
    under, middle = (value(right, target.metric), value(right, target.metric, "median")) if target.right else (1, 1)
    bound = at_least(runs.get(target.left), target.metric)
    over = value(runs.get(target.left), target.metric)
    if over is not None and under:
        line["value"], line["by_medians"] = over / under, value(runs[target.left], target.metric, "median") / middle
        line["met"] = (target.least is None or line["value"] >= target.least) and (target.most is None or line["value"] <= target.most)
    elif bound is not None and under:
        line["value"], line["bound"] = bound / under, True
        if target.least is not None and line["value"] >= target.least:
            line["met"] = True
        elif target.most is not None and line["value"] > target.most:
            line["met"] = False
    line["why"] = "; ".join(f"{n}: {(runs[n].get('failed') or runs[n]['status']) if n in runs else 'not run'}" for n in names
                            if n not in runs or runs[n]["status"] != "measured")
    return line
