#!/usr/bin/env python3
"""report.json as Markdown. Alone: benches/report.py FOLDER, which holds report.json, writes FOLDER/report.md."""
import json
import re
import sys
from pathlib import Path

import targets
from cases import GB
from machine import ROOT

LABEL = {"ours": "Talea", "zklora": "ZKLoRA", "ezkl": "EZKL", "plonky2": "plonky2", "halo2": "halo2-base"}
PEERS = "benches/peers/README.md"


def figure(v):
    """Three digits that mean something, without exponents."""
    if v is None:
        return "–"
    if v == 0 or abs(v) >= 100:
        return f"{v:,.0f}"
    places = 2 if abs(v) >= 1 else 3
    return f"{v:.{places}f}" if abs(v) >= 0.01 else f"{v:.2g}" if abs(v) >= 1e-4 else f"{v:.1e}"


def markdown(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(c).replace("|", "\\|").replace("\n", " ") for c in row) + " |" for row in rows])


QUIET = 0.2  # cores: more than a machine with nothing to do uses for itself


def head(report):
    m, c = report["machine"], report["checkout"]
    commit = (c["commit"] or "unknown")[:12] + (", with changes that are not committed" if c["dirty"] else "")
    busy = [s["busy_cores"] for case in report["cases"] for r in case["runs"] for s in r["samples"]]
    lines = [
        "# Talea beside its peers", "",
        f"{report['started']}, commit {commit}. {m['cpu']}, {m['cores']} cores, {m['memory_mib']:,} MiB, Linux {m['kernel']}; {m['rustc']}; "
        f"threads: {report['threads']} where nothing else is said. Limits: {report['limit_s']:g} s, {report['limit_gib']:g} GiB.",
    ]
    if report.get("quick"):
        lines += ["", "**A quick run**: small sizes, one round. It shows that everything runs, and is no measurement."]
    if busy and max(busy) > QUIET:
        lines += ["", f"**Beside other work**: it kept {min(busy):g} to {max(busy):g} of {m['cores']} cores busy before a sample. Ratios "
                  "suffer less than times, and both suffer."]
    if not report.get("finished"):
        lines += ["", "**Not finished**: this is what there was when it was written."]
    return "\n".join(lines)


def target_lines(report):
    def wanted(t):
        sides = [f"≥ {figure(t['least'])}" if t["least"] is not None else "", f"≤ {figure(t['most'])}" if t["most"] is not None else ""]
        return " and ".join(s for s in sides if s)

    rows = []
    for case in report["cases"]:
        for t in case["targets"]:
            met = {True: "yes", False: "**no**", None: "unknown"}[t["met"]]
            value = ("over " if t.get("bound") else "") + figure(t["value"])
            rows.append([t["target"], wanted(t), value, figure(t["by_medians"]), met, t["why"]])
    if not rows:
        return ""
    return ("\n## Targets\n\nBy minima; \"over\" where the slower one was ended at the limit, still proving.\n\n"
            + markdown(["target", "wanted", "measured", "by medians", "met", "remark"], rows))


def per_row(result):
    return targets.value(result, "s_per_row")


def ratios(result, runs):
    """Time per row over ours: at the same rows of the same shape, and at our best."""
    mine = [r for r in runs if r["system"] == "ours" and r["shape"] == result["shape"] and per_row(r)]
    own = per_row(result)
    if result["system"] == "ours" or own is None or not mine:
        return ["–", "–"]
    same = [per_row(r) for r in mine if r["rows"] == result["rows"]]
    return [figure(own / same[0]) if same else "–", figure(own / min(map(per_row, mine)))]


def run_row(result, runs):
    name = LABEL.get(result["system"], result["system"])
    if result["system"] == "ours" and "@" not in result["name"]:
        name = f"{name}, {result['name']}"
    s = result.get("stats", {})
    if result["status"] != "measured":
        peak = result.get("peak_mib_when_ended")
        return [name, f"{result['rows']:,}", result["threads"], "–", "–", "–", "–", "–", "–", "–", "–", figure(peak), "–", "–",
                f"**{result['failed'] if 'failed' in result else result['status']}**"]
    busy = [sample["busy_cores"] for sample in result["samples"]]
    return [name, f"{result['rows']:,}", result["threads"], f"{figure(s['prove_s']['min'])} / {figure(s['prove_s']['median'])}",
            s["prove_s"]["n"], figure(per_row(result) * 1e3), *ratios(result, runs), figure(s["verify_s"]["min"] * 1e3),
            f"{result['proof_bytes']:,}", figure(result.get("setup_s")), figure(s["peak_mib"]["max"]), result["security_bits"],
            f"{min(busy):g}–{max(busy):g}", ""]


HEADER = ["", "rows", "threads", "prove, s: least / median", "samples", "ms per row", "× ours, same rows", "× ours, best", "verify, ms",
          "proof, bytes", "setup, s", "peak, MiB", "security, bits", "other work, cores", "remark"]


def demo_lines(result):
    if result["status"] != "measured":
        return markdown(HEADER, [run_row(result, [result])])
    s = result["stats"]
    rows = [["everything, s", figure(s["total_s"]["min"])],
            ["the wrap's proof, s", figure(s["wrap_s"]["min"])], ["verifying the wrap, ms", figure(s["verify_s"]["min"] * 1e3)],
            ["wrap, bytes", f"{result['proof_bytes']:,}"], ["peak memory, MiB", figure(s["peak_mib"]["max"])],
            ["security, bits", result["security_bits"]]]
    return markdown(["", "least"], rows)


def stage_lines(runs):
    """Stages of the fastest sample of each of ours."""
    out = []
    for r in runs:
        if r["system"] != "ours" or r["status"] != "measured":
            continue
        best = min(r["samples"], key=lambda s: s["prove_s"])
        total = sum(best["stages"].values())
        rows = [[name, figure(s * 1e3), f"{s / total * 100:.1f} %"] for name, s in best["stages"].items()]
        out.append(f"\n<details><summary>Stages of {r['name']}</summary>\n\n{markdown(['stage', 'ms', 'of all'], rows)}\n\n</details>")
    return "\n".join(out)


def case_lines(case):
    runs = case["runs"]
    demos = [r for r in runs if r["options"].get("kind") == "demo"]
    body = demo_lines(demos[0]) if demos else markdown(HEADER, [run_row(r, runs) for r in runs])
    remark = f"\n\n{case['remark']}" if case["remark"] else ""
    return f"\n## {case['title']}\n\n{body}{remark}\n{stage_lines(runs)}"


def gas_lines(gas):
    layouts = [[f"`{v['layout']}`", f"{v['contract']:,}", f"{v['transaction']:,}", f"{v['settling']:,}"] for v in gas["verification"]]
    calls = [[name, f"{v:,}"] for name, v in gas["transactions"].items()]
    return ("\n## Gas\n\nAs committed in " + " and ".join(gas["sources"]) + ", not measured in this run. Settlement's figures are without the "
            "verification of a proof; the last column of the layouts adds both.\n\n"
            + markdown(["layout", "the generated contract alone", "a whole transaction that verifies", "one that settles, about"], layouts)
            + "\n\n" + markdown(["settlement", "gas"], calls))


def section(text, title):
    """A section of a Markdown file, without its title and up to the next one of its level."""
    _, found, rest = text.partition(f"## {title}\n")
    if not found:
        raise ValueError(f"no section {title!r}")
    return rest.split("\n## ")[0].strip()


def difference_lines(root=ROOT):
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", (root / PEERS).read_text())  # its links lead nowhere from here
    return (f"\n## How the statements differ\n\nFrom {PEERS}:\n\n" + section(text, "What each proves")
            + "\n\nThe circuits of plonky2 and halo2-base are ours, of the same rounding relation with a challenge for the matrix products "
            "(Freivalds), and prove neither influence nor payouts; their READMEs say what each binds. Our times hold adapter path, "
            "influence, fees and payouts. The systems draw values of their own; costs do not depend on them. Our inner proof is not zero "
            "knowledge: its wrap is, once for a whole batch, and its time is in the demonstration's table and in no other.\n\n"
            + "### Security in bits\n\n" + section(text, "Security in bits")
            + "\n\nOf plonky2 the bits are conjectured, as its authors state them; halo2-base stands on BN254 as ours does.")


def text(report, root=ROOT):
    parts = [head(report), target_lines(report), *map(case_lines, report["cases"])]
    if report.get("gas"):
        parts.append(gas_lines(report["gas"]))
    if report.get("plots"):
        parts.append("\n## Plots\n\n" + "\n\n".join(f"![{title}]({name}.svg)" for name, title in report["plots"].items()))
    return "\n".join([*parts, difference_lines(root), "", f"8 GB are {figure(8 * GB)} MiB. All samples are in report.json.", ""])


def write(folder):
    report = json.loads((folder / "report.json").read_text())
    (folder / "report.md").write_text(text(report))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: report.py FOLDER")
    write(Path(sys.argv[1]))
