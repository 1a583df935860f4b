"""Turns PTX into C++ that replaces the kernels of a fake driver, so that what nvcc made of them runs without a GPU.

    ptx.py kernels.ptx kernels.cpp

It knows the instructions that our kernels have and stops at any other. Registers become variables, the carry flag another;
a block's threads run one after the other, which kernels without barriers cannot tell.
"""

import re
import sys

TYPES = {"pred": "bool", "b16": "uint16_t", "b32": "uint32_t", "b64": "uint64_t"}
COMPARE = {"eq": "==", "ne": "!=", "lt": "<", "gt": ">", "ge": ">=", "le": "<="}
BINARY = {"add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^", "div": "/", "rem": "%"}
SPECIAL = {"tid.x": "tid", "ctaid.x": "ctaid"}


def c_type(ptx):
    """u32, s64, b16 and so on."""
    return ("" if ptx[0] == "s" else "u") + "int" + ptx[1:] + "_t"


def operand(text):
    if text.startswith("%"):
        return SPECIAL.get(text[1:], text[1:])
    if text.startswith("__local_depot"):
        return "(uint64_t)depot"
    return f"int64_t({int(text, 0)}LL)"


def address(text, kernel):
    base, offset = re.fullmatch(r"\[([%\w]+)(?:\+(-?\d+))?\]", text).groups()
    base = "(uint64_t)words" if base == f"{kernel}_param_0" else operand(base)
    return f"({base} + {offset or 0})"


def with_carry(parts, kind, to, terms, sign="+"):
    """Sums and differences of 32 or 64 bits, computed in twice as many."""
    bits = int(kind[1:])
    wide = "uint64_t" if bits == 32 else "unsigned __int128"
    takes = f" {sign} carry" if parts[0].endswith("c") else ""
    total = f" {sign} ".join(f"({wide})({c_type('u' + str(bits))})({t})" for t in terms)
    gives = f"carry = (total >> {bits}) & 1; " if "cc" in parts else ""
    return f"{{ {wide} total = {total}{takes}; {gives}{to} = total; }}"


def memory(parts, args, kernel):
    """Loads and stores, also of several neighbours."""
    load = parts[0] == "ld"
    where, values = (args[1], args[0]) if load else (args[0], args[1])
    kind = c_type(parts[-1])
    out = f"{{ {kind} *at = ({kind} *){address(where, kernel)};"
    for i, value in enumerate(re.findall(r"[^{},\s]+", values)):
        out += f" {operand(value)} = at[{i}];" if load else f" at[{i}] = {operand(value)};"
    return out + " }"


def statement(line, kernel):
    name, _, rest = line.partition(" ")
    parts = name.split(".")
    op, kind = parts[0], parts[-1]
    args = [a.strip() for a in re.findall(r"\{[^}]*\}|\[[^\]]*\]|[^,\s{}\[\]][^,]*", rest)]
    if op == "bra":
        return f"goto {args[0].lstrip('$')};"
    if op == "ret":
        return "return;"
    if op in ("ld", "st"):
        return memory(parts, args, kernel)
    to = operand(args[0])
    if op == "atom" and parts[1:] == ["global", "add", "u32"]:
        return f"{{ uint32_t *at = (uint32_t *){address(args[1], kernel)}; {to} = *at; *at += {operand(args[2])}; }}"
    plain = [operand(a) for a in args[1:]]
    if op in ("mov", "cvta"):
        return f"{to} = {plain[0]};"
    if op in ("add", "sub") and "cc" in parts or op in ("addc", "subc"):
        return with_carry(parts, kind, to, plain, "+" if op[0] == "a" else "-")
    if op in ("mad", "madc") and kind == "u32":
        product = f"((uint64_t)(uint32_t){plain[0]} * (uint32_t){plain[1]}{' >> 32' if 'hi' in parts else ''})"
        return with_carry(parts, kind, to, [product, plain[2]])
    if op == "cvt":
        return f"{to} = ({c_type(parts[1])})({c_type(kind)}){plain[0]};"
    if op == "setp":
        a, b = (f"({c_type(kind)}){p}" for p in plain)
        return f"{to} = {a} {COMPARE[parts[1]]} {b};"
    if kind == "pred":
        return f"{to} = " + {"not": "!{0};", "and": "{0} & {1};", "or": "{0} | {1};"}[op].format(*plain)
    t = [f"({c_type(kind)}){p}" for p in plain]
    if op == "mul" and "wide" in parts:
        return f"{to} = (uint64_t){t[0]} * {t[1]};"
    if op == "mul" and "hi" in parts:
        wide = {"s64": "__int128", "u64": "unsigned __int128"}[kind]
        return f"{to} = ({wide}){t[0]} * {t[1]} >> 64;"
    if op in BINARY:
        # sums without sign: they may overflow
        if op in ("add", "sub", "mul"):
            t = [f"({c_type('u' + kind[1:])}){p}" for p in plain]
        return f"{to} = {t[0]} {BINARY[op]} {t[1]};"
    if op in ("shl", "shr"):
        return f"{to} = {t[0]} {'<<' if op == 'shl' else '>>'} (uint32_t){plain[1]};"
    simple = {
        "neg": "-{0}", "not": "~{0}", "abs": "{0} < 0 ? -{0} : {0}", "min": "{0} < {1} ? {0} : {1}", "max": "{0} < {1} ? {1} : {0}",
    }
    if op == "selp":
        return f"{to} = {plain[2]} ? {t[0]} : {t[1]};"
    return f"{to} = {simple[op].format(*t)};"


def function(kernel, body):
    declared, code = ["bool carry = false;"], []
    for line in re.sub(r"//[^\n]*", "", body).split("\n"):
        line = " ".join(line.split())
        register = re.fullmatch(r"\.reg \.(\w+) %(\w+?)(?:<(\d+)>)?;", line)
        local = re.fullmatch(r"\.local \.align \d+ \.b8 \w+\[(\d+)\];", line)
        guard = re.fullmatch(r"@(!?)%(\w+) (.*);", line)
        if register:
            kind, name, count = register.groups()
            names = [name] if count is None else [f"{name}{i}" for i in range(int(count))]
            declared.append(f"{TYPES[kind]} " + ", ".join(f"{n} = 0" for n in names) + ";")
        elif local:
            declared.append(f"alignas(16) uint8_t depot[{local[1]}];")
        elif line.endswith(":"):
            code.append(line.lstrip("$") + ";")
        elif guard:
            code.append(f"if ({guard[1]}{guard[2]}) {statement(guard[3], kernel)}")
        elif line and not line.startswith("."):
            code.append(statement(line.rstrip(";"), kernel))
    return [f"static void ptx_{kernel}(const uint64_t *words, uint32_t ctaid, uint32_t tid) {{", *declared, *code, "}"]


def main():
    with open(sys.argv[1]) as file:
        source = file.read()
    out, count = [], 0
    for found in re.finditer(r"\.visible \.entry (\w+)\([^)]*\[(\d+)\]\s*\)[^{]*\n\{(.*?)\n\}", source, re.S):
        kernel, size, body = found[1], int(found[2]), found[3]
        out += function(kernel, body)
        out.append(
            f'static const bool {kernel}_is_ptx = (host_kernels()["{kernel}"] = HostKernel{{{size // 8}, [](const uint64_t *w) '
            f"{{ for (uint64_t i = 0; i < (w[0] + 127) / 128 * 128; i++) ptx_{kernel}(w, i / 128, i % 128); }}}}, true);"
        )
        count += 1
    if count == 0:
        sys.exit("no kernels")
    with open(sys.argv[2], "w") as file:
        file.write("\n".join(out) + "\n")


main()
