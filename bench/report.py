"""Writes results as tables for people and as JSON for programs."""

import json


def table(columns, rows):
    """A Markdown table, its columns aligned."""
    cells = [columns] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |"
        for row in cells
    )


def heading(facts):
    return "# Results\n\n" + table(["machine", ""], facts.items()) + "\n"


def section(result):
    parts = [f"## {result['title']}", f"`{result['command']}`"]
    parts.append(table(result["columns"], result["rows"]))
    goals = [(*what, "yes" if yes else "NO") for *what, yes in result["goals"]]
    if goals:
        parts.append(table(["goal", "measured", "reached"], goals))
    parts += [f"Problem: {text}" for text in result["problems"]]
    return "\n\n".join(parts) + "\n"


def save(directory, name, facts, results):
    """directory/name.md and .json."""
    directory.mkdir(exist_ok=True)
    text = [heading(facts)] + [section(each) for each in results]
    (directory / f"{name}.md").write_text("\n".join(text))
    whole = json.dumps({"machine": facts, "scenarios": results}, indent=1)
    (directory / f"{name}.json").write_text(whole + "\n")
