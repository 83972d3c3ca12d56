"""Writes results as tables for people and as JSON for programs."""

import json

from subjects import BY_NAME
from workloads import WORKLOADS

COLUMNS = (
    "subject", "conn.", "req/s", "to return 200", "to its peer",
    "p50 ms", "p99", "p99.9", "worker us", "beside us", "worker MiB", "beside MiB",
)  # fmt: skip


def table(columns, rows):
    """A Markdown table, its columns aligned."""
    cells = [list(columns)] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |"
        for row in cells
    )


def heading(result):
    facts = {**result["machine"], **result["versions"], **result["options"]}
    return "# Results\n\n" + table(["machine", ""], facts.items()) + "\n"


def spread(ratio):
    return "{:.2f} ({:.2f}-{:.2f})".format(*ratio) if ratio else ""


def row(one):
    times = [f"{one[key] / 1000:.3f}" for key in ("p50", "p99", "p999")]
    costs = [f"{one[key]:.1f}" for key in ("worker_us", "beside_us")]
    sizes = [f"{one[key]:.1f}" for key in ("worker_pss_mib", "beside_pss_mib")]
    ratios = spread(one["to_return"]), spread(one["to_peer"])
    name = BY_NAME[one["subject"]].title
    name = "ours: " + name if BY_NAME[one["subject"]].ours else name
    rate = f"{one['rate']:.0f}"
    return [name, one["connections"], rate, *ratios, *times, *costs, *sizes]


def workload(name, figures, problems):
    what = WORKLOADS[name]
    parts = [f"## {name}: {what.text}", f"`bench/run --only {name}`"]
    parts.append(table(COLUMNS, [row(one) for one in figures]))
    parts += [f"Problem: {text}" for text in problems]
    return "\n\n".join(parts) + "\n"


def scenario(name, result, problems):
    parts = [f"## {result['title']}", f"`bench/run --only {name}`"]
    parts.append(table(result["columns"], result["rows"]))
    parts += [f"Problem: {text}" for text in problems]
    return "\n\n".join(parts) + "\n"


def ending(result):
    goals = [(*what, "yes" if yes else "NO") for *what, yes in result["goals"]]
    parts = ["## goals", table(["goal", "measured", "reached"], goals)]
    parts += [f"Not measured: {key}: {why}" for key, why in result["missing"].items()]
    return "\n\n".join(parts) + "\n"


def save(directory, result, texts):
    """The result of a run: <time>.json and .md."""
    directory.mkdir(parents=True, exist_ok=True)
    stem = result["time"].replace(":", "")
    (directory / f"{stem}.md").write_text("\n".join(texts))
    (directory / f"{stem}.json").write_text(dump(result) + "\n")
    return stem


def dump(value, depth=0):
    """JSON with a line for each thing that is worth one."""
    if depth == 3 or not isinstance(value, (dict, list)) or not value:
        return json.dumps(value)
    pad = " " * (depth + 1)
    if isinstance(value, dict):
        lines = [f"{json.dumps(k)}: {dump(v, depth + 1)}" for k, v in value.items()]
        opening, closing = "{}"
    else:
        lines = [dump(one, depth + 1) for one in value]
        opening, closing = "[]"
    inside = (",\n" + pad).join(lines)
    return f"{opening}\n{pad}{inside}\n{' ' * depth}{closing}"
