#!/usr/bin/env python3
"""report.json as plots, SVG and PNG. Alone: benches/plots.py FOLDER, with a Python that has plots-requirements.txt."""
import json
import sys
from pathlib import Path

import targets
from report import LABEL

COLOUR = {"ours": "#1b6ca8", "zklora": "#c0392b", "ezkl": "#d68910", "plonky2": "#6c3483", "halo2": "#1e8449"}
NAMES = {"prove-time": "Proving time against rows", "peak-memory": "Peak memory against rows", "stages": "Stages of our prover",
         "verify-time": "Verification time", "proof-bytes": "Bytes of a proof", "gas": "Gas"}


def measured(report):
    return [(case, r) for case in report["cases"] for r in case["runs"] if r["status"] == "measured"]


def against_rows(report, figure, stat):
    """Points (rows, figure) of each system, of the case `rows`."""
    out = {}
    for case, r in measured(report):
        if case["name"] == "rows":
            out.setdefault(r["system"], []).append((r["rows"], r["stats"][figure][stat]))
    return {system: sorted(points) for system, points in out.items()}


def bars(report, of):
    """A figure of every run of the case `rows`, as (label, system, figure)."""
    rows = [r for case, r in measured(report) if case["name"] == "rows"]
    order = list(LABEL)
    rows.sort(key=lambda r: (order.index(r["system"]), r["rows"]))
    return [(f"{LABEL[r['system']]}, {r['rows']:,}", r["system"], of(r)) for r in rows]


def stages(report):
    """Each stage's part of proving in %, of the largest of our batches in every case, as (label, {stage: %})."""
    best = {}
    for case, r in measured(report):
        if r["system"] == "ours" and r["options"]["kind"] == "batch" and case["name"] not in ("linear", "threads"):
            if case["name"] not in best or targets.cells(r) > targets.cells(best[case["name"]]):
                best[case["name"]] = r
    out = []
    for name, r in best.items():
        sample = min(r["samples"], key=lambda s: s["prove_s"])
        total = sum(sample["stages"].values())
        out.append((f"{name}: {r['rows']:,} rows, {total:.2f} s", {k: 100 * v / total for k, v in sample["stages"].items()}))
    return out


def unmeasured(report):
    """Who is missing from the case `rows`, and why."""
    runs = [r for case in report["cases"] if case["name"] == "rows" for r in case["runs"] if r["status"] != "measured"]
    return [f"{LABEL[r['system']]}, {r['rows']:,} rows: {r.get('failed') or r['status']}" for r in runs]


def line_plot(axes, points, unit, missing=()):
    for system, values in points.items():
        axes.plot(*zip(*values), marker="o", color=COLOUR[system], label=LABEL[system])
    axes.set(xscale="log", yscale="log", xlabel="\n".join(["rows", *missing]), ylabel=unit)
    axes.grid(True, which="major", alpha=0.3)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))  # beside the lines, not on them


def bar_plot(axes, values, unit, log=True):
    labels, systems, figures = zip(*values)
    drawn = axes.barh(range(len(values)), figures, color=[COLOUR[s] for s in systems])
    axes.bar_label(drawn, [f"{v:,.0f}" if v >= 100 else f"{v:.3g}" for v in figures], padding=3, fontsize=8)
    axes.set_yticks(range(len(values)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set(xscale="log" if log else "linear", xlabel=unit)
    axes.margins(x=0.15)


def stage_plot(axes, values):
    names = list(dict.fromkeys(stage for _, parts in values for stage in parts))
    left = [0.0] * len(values)
    for i, name in enumerate(names):
        widths = [parts.get(name, 0.0) for _, parts in values]
        axes.barh(range(len(values)), widths, left=left, label=name, color=f"C{i % 10}", hatch="//" if i >= 10 else None)
        left = [a + b for a, b in zip(left, widths)]
    axes.set_yticks(range(len(values)), [label for label, _ in values], fontsize=8)
    axes.invert_yaxis()
    axes.set(xlabel="% of proving")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))


def gas_bars(report):
    gas = report.get("gas") or {"verification": [], "transactions": {}}
    out = [(f"settle, {v['layout']}", "ours", v["settling"]) for v in gas["verification"]]
    wanted = ("claim, later", "claimMany, a further slot, later", "data, a further amount, side by side")
    return out + [(n, "ours", gas["transactions"][n]) for n in wanted if n in gas["transactions"]]


def drawings(report):
    """What each plot draws: data, and how. A plot without data is left out."""
    return {
        "prove-time": (against_rows(report, "prove_s", "min"), lambda ax, d: line_plot(ax, d, "seconds for all rows", unmeasured(report))),
        "peak-memory": (against_rows(report, "peak_mib", "max"), lambda ax, d: line_plot(ax, d, "MiB", unmeasured(report))),
        "stages": (stages(report), stage_plot),
        "verify-time": (bars(report, lambda r: 1e3 * r["stats"]["verify_s"]["min"]), lambda ax, d: bar_plot(ax, d, "ms for all rows")),
        "proof-bytes": (bars(report, lambda r: r["proof_bytes"]), lambda ax, d: bar_plot(ax, d, "bytes")),
        "gas": (gas_bars(report), lambda ax, d: bar_plot(ax, d, "gas of a transaction; a further slot or amount: of that alone", log=False)),
    }


def draw(report, folder):
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "talea", "svg.fonttype": "none", "axes.spines.top": False, "axes.spines.right": False})
    from matplotlib import pyplot

    done = {}
    for name, (data, how) in drawings(report).items():
        if not data:
            continue
        height = 4 if isinstance(data, dict) else max(2.5, 0.3 * len(data) + 1.2)
        figure, axes = pyplot.subplots(figsize=(9, height), layout="constrained")
        how(axes, data)
        axes.set_title(NAMES[name])
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        figure.savefig(folder / f"{name}.png", dpi=150, metadata={"Software": None})
        pyplot.close(figure)
        done[name] = NAMES[name]
    return done


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: plots.py FOLDER")
    where = Path(sys.argv[1])
    print(json.dumps(draw(json.loads((where / "report.json").read_text()), where)))
