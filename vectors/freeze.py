#!/usr/bin/env python3
"""Writes ledger/: a small network's artefacts, frozen. Run only when the semantics change on purpose; the diff is reviewed.

    cargo build --release && python3 vectors/freeze.py target/release/talea
"""
import json, shutil, subprocess, sys, tempfile
from pathlib import Path

root = Path(__file__).resolve().parent
source, name = root.parent / "fixtures/second", "crop-disease"
with tempfile.TemporaryDirectory() as tmp:
    net, out = Path(tmp) / "network", Path(tmp) / "out"
    shutil.copytree(source, net, ignore=shutil.ignore_patterns("golden"))
    doc = json.loads((net / "network.json").read_text())
    doc["adapters"] = {name: doc["adapters"][name]}
    (net / "network.json").write_text(json.dumps(doc))
    mine = [l for l in (net / "requests.jsonl").read_text().splitlines() if json.loads(l)["adapter"] == name][:3]
    ids = {json.loads(l)["request_id"] for l in mine}
    (net / "requests.jsonl").write_text("\n".join(mine) + "\n")
    (net / "usage.jsonl").write_text("".join(l + "\n" for l in (net / "usage.jsonl").read_text().splitlines() if json.loads(l)["id"] in ids))
    run = lambda *a: subprocess.run([sys.argv[1], *map(str, a)], check=True, stdout=subprocess.DEVNULL)
    run("demo", "--network", net, "--out", out)
    # two q slots a request and two requests a slot: continuations and a split adapter are frozen too
    run("batch", "build", "--network", net, "--out", out, "--shape", "2,4,32,16")
    shutil.rmtree(root / "ledger", ignore_errors=True)
    (root / "ledger").mkdir()
    for f in [out / "batch.talea", out / "receipts.talea", *(out / "datanets").iterdir(), *(out / "adapters").glob("*.adapter"), *(out / "adapters").glob("*.index"), *(out / "traces").iterdir()]:
        (root / "ledger" / f.name).write_bytes(f.read_bytes())
    shutil.copy(net / "network.json", root / "ledger/network.json")
    for f in ("requests.jsonl", "usage.jsonl"): shutil.copy(net / f, root / "ledger" / f)
