"""Gas as it is committed: the contracts' snapshot, and the layouts' table of docs/protocol/wrap.md."""
import json

from machine import ROOT

BESIDE = "settle, beside a transaction that verifies alone"  # what settling adds to a transaction that verifies
SNAPSHOT, LAYOUTS = "verifier-contracts/snapshots/Gas.json", "docs/protocol/wrap.md"


def table(text, first):
    """The rows of the first Markdown table whose header begins with `first`, each a dictionary."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith(f"| {first} |"):
            header = split(line)
            next(lines)
            rows = []
            for row in lines:
                if not row.startswith("|"):
                    break
                rows.append(dict(zip(header, split(row), strict=True)))
            return rows
    raise ValueError(f"no table that begins with {first!r}")


def split(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def number(text):
    return int(text.replace(",", ""))


def layouts(text):
    return [{"layout": row["layout"].strip("`"), "contract": number(row["gas of the generated contract alone"]),
             "transaction": number(row["gas of a whole transaction"])} for row in table(text, "layout")]


def figures(root=ROOT):
    snapshot = {name: int(gas) for name, gas in json.loads((root / SNAPSHOT).read_text()).items()}
    verification = layouts((root / LAYOUTS).read_text())
    for layout in verification:
        layout["settling"] = layout["transaction"] + snapshot[BESIDE]
    return {"sources": [SNAPSHOT, LAYOUTS], "transactions": snapshot, "verification": verification}
