"""What is measured: cases, each a list of runs that take turns, and the targets they are held to."""
from dataclasses import dataclass, field

SMALL, WIDE = (64, 4, 64), (768, 8, 2304)  # d_in, rank, d_out of a module
GB = 1e9 / 2**20  # in MiB


@dataclass(frozen=True)
class Run:
    """One system on one piece of work. `rounds` bounds how often it takes its turn; None: as often as the case has rounds."""
    name: str
    system: str
    rows: int = 1
    shape: tuple = SMALL
    threads: int | None = None
    rounds: int | None = None
    options: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """`metric` of run `left`, over that of run `right` where one is named, is at least `least` and at most `most`."""
    says: str
    metric: str
    left: str
    right: str | None = None
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    runs: tuple
    targets: tuple = ()
    rounds: int = 3
    remark: str = ""


def ours(name, rows, shape=SMALL, modules=1, clusters=16, tokens=64, deltas=True, slots=1, **others):
    """A batch of ours; requests have `tokens` rows each, or all rows of a slot where there are fewer."""
    tokens = min(tokens, rows // slots)
    options = {"kind": "batch", "modules": modules, "slots": slots, "requests": rows // slots // tokens, "tokens": tokens,
               "clusters": clusters, "deltas": deltas}
    return Run(name, "ours", rows, shape, options=options, **others)


def peers(systems, rows, shape=SMALL, **others):
    return [Run(f"{s}@{rows}", s, rows, shape, **others) for s in systems]


CIRCUITS = ("plonky2", "halo2")


def rows_case(quick):
    counts = (1, 16, 64) if quick else (1, 16, 64, 256, 1024, 4096)
    runs = [ours(f"ours@{n}", n) for n in counts]
    runs += [r for n in counts if n in (1, 16, 64, 1024, 4096) and (quick or n != 16) for r in peers(CIRCUITS, n)]
    runs += peers(["zklora"], 1, rounds=2) + peers(["ezkl"], 1)
    if quick:
        return Case("rows", "A module of 64×4×64 against rows", tuple(runs))
    runs += peers(["ezkl"], 64, rounds=2) + peers(["ezkl"], 1024, rounds=1)
    targets = (
        Target("ZKLoRA's warm time per row over ours in 1,024 rows", "s_per_row", "zklora@1", "ours@1024", least=10_000),
        Target("EZKL's time per row in 1,024 rows over ours", "s_per_row", "ezkl@1024", "ours@1024", least=500),
        Target("EZKL's time per row in 64 rows over ours in 1,024", "s_per_row", "ezkl@64", "ours@1024", least=500),
        Target("ZKLoRA's time for a single row over ours", "s_per_row", "zklora@1", "ours@1", least=50),
    )
    return Case("rows", "A module of 64×4×64 against rows", tuple(runs), targets)


def wide_case(quick):
    rows = 4 if quick else 64
    runs = (ours(f"ours@{rows}", rows, WIDE), *peers(CIRCUITS, rows, WIDE),
            *([] if quick else peers(["ezkl"], rows, WIDE, rounds=1) + peers(["zklora"], 1, WIDE, rounds=1)))
    return Case("wide", f"One module of 768×8×2304, {rows} rows", runs)


def model_case(quick):
    rows, modules = (16, 1) if quick else (1024, 12)
    runs = (ours("with deltas", rows, WIDE, modules), ours("without deltas", rows, WIDE, modules, deltas=False))
    targets = () if quick else (
        Target("768×8×2304, 12 modules × 1,024 tokens, deltas: ms per row and module", "ms_per_row_module", "with deltas", most=3.5),
        Target("the same: peak memory in MiB (8 GB)", "peak_mib", "with deltas", most=8 * GB),
    )
    return Case("model", f"768×8×2304, {modules} modules × {rows:,} tokens", runs, targets)


def payouts_cases(quick):
    """Requests of one token through one small module, without deltas: next to nothing but influence and payouts."""
    def one(name, requests, clusters, slots=1, **others):
        return ours(name, slots * requests, clusters=clusters, tokens=1, deltas=False, slots=slots, **others)

    if quick:
        return [Case("payouts", "Payouts: 16 requests × 16 clusters, and three times that",
                     (one("one slot", 16, 16), one("three slots", 16, 16, slots=3)))]
    target = Target("payouts: 1,000 requests × 256 clusters, seconds", "prove_s", "payouts", most=8)
    remark = ("A slot holds 2^10 requests and 2^10 clusters, so 10,000 requests over 1,000 clusters each fill ten slots, every one with "
              "an adapter of its own. Slots are filled up to a power of two: ten cost what sixteen do. Ten batches of one slot need a "
              "tenth of the memory at a time, on ten machines or one after the other; their payout vectors' commitments add up on chain.")
    return [
        Case("payouts", "Payouts: 1,024 requests × 256 clusters", (one("payouts", 1024, 256),), (target,)),
        Case("payouts-large", "Payouts: ten slots × 1,024 requests × 1,024 clusters, and one of them",
             (one("one slot", 1024, 1024), one("ten slots", 1024, 1024, slots=10, rounds=1)), rounds=2, remark=remark),
    ]


def demo_case():
    run = Run("demo", "ours", options={"kind": "demo"})
    targets = (
        Target("demo: proving the wrap `fast`, seconds", "wrap_s", "demo", most=45),
        Target("demo: all of it without keys from before, seconds", "total_s", "demo", most=300),
    )
    return Case("demo", "The demonstration, without keys from before", (run,), targets, rounds=1)


def linear_case(quick):
    pairs = [("small", SMALL, 1, (64, 256) if quick else (4096, 16384))]
    if not quick:
        pairs.append(("wide", WIDE, 12, (256, 1024)))
    runs, targets = [], []
    for name, shape, modules, (least, most) in pairs:
        runs += [ours(f"{name} {n}", n, shape, modules) for n in (least, most)]
        for metric, what in [("s_per_cell", "time"), ("mib_per_cell", "memory")]:
            targets.append(Target(f"{what} per cell at 4× the batch ({name}, {most:,} rows over {least:,})", metric,
                                  f"{name} {most}", f"{name} {least}", most=1.15))
    return Case("linear", "Cost per cell at four times the batch", tuple(runs), () if quick else tuple(targets))


def threads_case(quick):
    counts = (64,) if quick else (4096, 16384)
    runs = tuple(ours(f"{rows} rows, {n}", rows, threads=n) for rows in counts for n in (1, 2))
    targets = tuple(Target(f"time on 1 thread over time on 2, {rows:,} rows", "prove_s", f"{rows} rows, 1", f"{rows} rows, 2", least=1.8)
                    for rows in counts)
    return Case("threads", "Threads, 64×4×64", runs, () if quick else targets, rounds=5)


def argument_case(quick):
    t, r, w = (6, 2, 6) if quick else (10, 2, 6)
    options = {"kind": "argument", "shape": [t, r, w]}
    run = Run("argument", "ours", 1 << t, (1 << w, 1 << r, 0), options=options)
    return Case("argument", "The argument alone: a rounded matrix product, 64 → 4", (run,))


def all_cases(quick=False):
    """In the order in which they run. The demonstration has one size and stays out of a quick run unless it is named."""
    cases = [rows_case(quick), wide_case(quick), model_case(quick), *payouts_cases(quick), linear_case(quick), threads_case(quick),
             argument_case(quick), demo_case()]
    return cases


def chosen(quick=False, only=(), systems=(), rounds=None):
    """Cases by name with the runs of some systems; raises KeyError for a name that there is not."""
    cases = all_cases(quick)
    names = {c.name for c in cases}
    if unknown := [n for n in only if n not in names]:
        raise KeyError(f"{unknown[0]!r}: there are {', '.join(sorted(names))}")
    out = []
    for case in cases:
        if case.name not in only if only else quick and case.name == "demo":
            continue
        runs = tuple(r for r in case.runs if not systems or r.system in systems)
        if runs:
            count = rounds or (1 if quick else case.rounds)
            out.append(Case(case.name, case.title, runs, case.targets, count, case.remark))
    return out
