"""Makes the page of all results in a directory: one file, which needs no
network, no script and nothing beside it."""

import html
import json
import math

from style import STYLE
from workloads import WORKLOADS

MAIN = ("hello", 64)
ROOM = 66  # percent of a row that the longest bar takes; its value follows
NARROW = 52  # ... where the value is longer
HISTORY = (
    "native", "python-in-worker", "pypy-in-worker", "golang-in-worker", "python",
    "nodejs", "golang", "uwsgi",
)  # fmt: skip
WIDTH, HEIGHT = 360, 210  # of a line chart
LEFT, RIGHT, TOP, BOTTOM = 34, 10, 10, 26


def write(directory):
    """directory/index.html, of all results there."""
    texts = [path.read_text() for path in sorted(directory.glob("*.json"))]
    results = sorted(map(json.loads, texts), key=lambda one: one["time"])
    if not results:
        raise SystemExit(f"bench/run: no results in {directory}")
    (directory / "index.html").write_text(page(results))


def page(results):
    last = results[-1]
    cases = sorted(
        {(one["workload"], one["connections"]) for one in last["figures"]},
        key=lambda case: (case != MAIN, list(WORKLOADS).index(case[0]), case[1]),
    )
    parts = [section(last, *case) for case in cases]
    parts += [growth(last), history(results), goals(last)]
    parts.insert(0, header(last, cases))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>ngx_http_fn_module: the speed centre</title>\n<style>{STYLE}</style>\n"
        "</head>\n<body>\n" + "\n".join(parts) + "\n</body>\n</html>\n"
    )


def escape(text):
    return html.escape(str(text))


def header(last, cases):
    places = {f"{WORKLOADS[one].title}, {number}": f"{one}-{number}"
              for one, number in cases}
    places |= {each: each for each in ("growth", "history", "goals")}
    links = "\n".join(
        f'<a href="#{there}">{name}</a>' for name, there in places.items()
    )
    facts = last["machine"]
    keys = ("cpu", "cores", "memory", "kernel", "system", "load before", "revision")
    machine = " · ".join(f"{key} {facts[key]}" for key in keys if key in facts)
    versions = " · ".join(f"{k} {v}" for k, v in last["versions"].items())
    options = last["options"]
    return f"""<header>
<h1>ngx_http_fn_module <small>the speed centre</small></h1>
<p>Functions served by nginx beside what else would serve them, measured in one run
with one nginx worker each: {escape(last["time"].replace("T", " "))},
{options["rounds"]} rounds of {options["seconds"]} s.
Peers that speak HTTP are behind proxy_pass.</p>
<p><span class="key ours">ours</span> <span class="key peer">peers</span>
<span class="key base">nginx alone</span></p>
<details><summary>machine and versions</summary>
<p>{escape(machine)}</p><p>{escape(versions)}</p></details>
<nav>{links}</nav>
</header>"""


# bars: a row for each subject


def section(last, workload, connections):
    found = [
        one
        for one in last["figures"]
        if (one["workload"], one["connections"]) == (workload, connections)
    ]
    what = WORKLOADS[workload]
    charts = [rates(last, found), latencies(last, found), costs(last, found)]
    charts.insert(1, peers(last, found))
    charts.append(memories(last, found))
    return (
        f'<section id="{workload}-{connections}">\n<h2>{what.title} '
        f"<small>{escape(what.text)}; {connections} connections</small></h2>\n"
        f'<div class="charts">{"".join(filter(None, charts))}</div>\n</section>'
    )


def kind(last, name):
    if name == "return":
        return "base"
    return "ours" if last["subjects"][name]["ours"] else "peer"


def chart(title, note, rows, name):
    return (
        f'<figure class="chart {name}"><figcaption>{escape(title)} '
        f"<small>{escape(note)}</small></figcaption>\n{''.join(rows)}</figure>\n"
    )


def row(last, name, marks, title):
    """A label, and what is drawn beside it."""
    subject = last["subjects"][name]
    return (
        f'<div class="row {kind(last, name)}"><span>{escape(subject["title"])}</span>'
        f'<svg role="img" height="18"><title>{escape(title)}</title>{marks}</svg>'
        "</div>\n"
    )


def bar(start, width, css="bar"):
    return f'<rect class="{css}" x="{start:.2f}%" y="3" height="12" ' \
        f'width="{max(width, 0.2):.2f}%" rx="2"/>'


def label(at, text):
    return f'<text x="{at:.2f}%" dx="6" y="13">{escape(text)}</text>'


def rates(last, found):
    top = max(one["rate"] for one in found) or 1
    rows = []
    for one in sorted(found, key=lambda one: -one["rate"]):
        width = one["rate"] / top * ROOM
        text = f"{one['rate']:,.0f}"
        if one["to_return"]:
            text += f" · {one['to_return'][0]:.2f} ×"
        elif one.get("share"):
            text += f" · {one['share'] * 100:.0f} %"
        rows.append(row(last, one["subject"], bar(0, width) + label(width, text), text))
    if any(one["to_return"] for one in found):
        note = "and as a ratio to return 200"
    else:
        note = "and what it is of the possible" if found[0].get("share") else ""
    return chart("requests per second", note, rows, "rates")


def peers(last, found):
    found = [one for one in found if one["to_peer"]]
    if not found:
        return ""
    top = max(max(one["to_peer"][2] for one in found), 1.2)
    rows = []

    def at(ratio):
        return ratio / top * NARROW

    once = f'<line class="one" x1="{at(1):.2f}%" x2="{at(1):.2f}%" y1="0" y2="18"/>'
    for one in sorted(found, key=lambda one: -one["to_peer"][0]):
        middle, low, high = one["to_peer"]
        peer = last["subjects"][one["subject"]]["peer"]
        marks = bar(0, at(middle)) + once + whisker(at(low), at(high))
        marks += label(at(max(middle, high)), f"{middle:.2f} × {peer}")
        title = f"{middle:.2f} ({low:.2f} to {high:.2f}) × {peer}"
        rows.append(row(last, one["subject"], marks, title))
    note = "ratio of rates, lowest to highest round"
    return chart("beside its peer", note, rows, "peers")


def whisker(low, high):
    return f'<line class="whisker" x1="{low:.2f}%" x2="{high:.2f}%" y1="9" y2="9"/>'


def latencies(last, found):
    """On a logarithmic axis; p50 to p99 is thick, p99.9 a dot."""
    low = math.log10(max(min(one["p50"] for one in found), 1))
    high = math.log10(max(max(one["p999"] for one in found), 1))

    def scale(us):
        return 2 + (math.log10(max(us, 1)) - low) / (high - low or 1) * (NARROW - 4)

    rows = []
    for one in sorted(found, key=lambda one: one["p999"]):
        half, most, rare = (scale(one[key]) for key in ("p50", "p99", "p999"))
        numbers = [time(one[key]) for key in ("p50", "p99", "p999")]
        marks = bar(half, most - half)
        marks += whisker(most, rare) + f'<circle cx="{rare:.2f}%" cy="9" r="4"/>'
        marks += label(rare, " · ".join(numbers))
        title = "median {}, 99 % {}, 99.9 % {}".format(*numbers)
        rows.append(row(last, one["subject"], marks, title))
    note = "ms: median, 99th percentile, dot: 99.9th; logarithmic"
    return chart("latency", note, rows, "latency")


def time(us):
    ms = us / 1000
    return f"{ms:.2f}" if ms < 10 else f"{ms:.0f}"


def stacked(last, found, keys, title, note, form):
    top = max(sum(one[key] for key in keys) for one in found)
    few = sorted(sum(one[key] for key in keys) for one in found)
    top = min(top, few[len(few) * 3 // 4] * 2) or 1  # the slowest may be cut off
    rows = []
    for one in sorted(found, key=lambda one: sum(one[key] for key in keys)):
        values = [one[key] for key in keys]
        first = min(values[0] / top, 1) * ROOM
        second = min(sum(values) / top, 1) * ROOM - first
        marks = bar(0, first) + (bar(first, second, "more") if values[1] else "")
        text = form(values)
        marks += label(first + second, text + (" →" if sum(values) > top else ""))
        rows.append(row(last, one["subject"], marks, text))
    return chart(title, note, rows, "stacked")


def costs(last, found):
    def form(values):
        return " + ".join(f"{each:.1f}" for each in values if each)

    note = "µs: nginx worker + the processes beside it"
    keys = ("worker_us", "beside_us")
    return stacked(last, found, keys, "processor time of a request", note, form)


def memories(last, found):
    def form(values):
        return " + ".join(f"{each:.0f}" for each in values if each)

    note = "MiB (PSS): nginx worker + the processes beside it"
    keys = ("worker_pss_mib", "beside_pss_mib")
    return stacked(last, found, keys, "memory", note, form)


# lines: growth, and history


def growth(last):
    figures = []
    for name, result in last["scenarios"].items():
        if result.get("series"):
            what, unit = result["axes"]
            figures.append(lines(f"{what}", unit, result["series"]))
    if not figures:
        return ""
    return (
        '<section id="growth">\n<h2>Growth <small>what the nginx worker computes for '
        "an event, in µs, with more of everything</small></h2>\n"
        f'<div class="charts">{"".join(figures)}</div>\n</section>'
    )


def history(results):
    times = [one["time"].replace("T", " ") for one in results]
    series = {}
    for at, result in enumerate(results):
        for one in result["figures"]:
            where = one["workload"], one["connections"]
            if where == MAIN and one["subject"] in HISTORY and one["to_return"]:
                title = results[-1]["subjects"][one["subject"]]["title"]
                series.setdefault(title, []).append([at, one["to_return"][0]])
    if not series:
        return ""
    order = [results[-1]["subjects"][name]["title"] for name in HISTORY]
    series = {title: series[title] for title in order if title in series}
    figure = lines("hello, 64 connections", "× return 200", series, times)
    return (
        '<section id="history">\n<h2>History <small>over all results</small></h2>\n'
        f'<div class="charts">{figure}</div>\n</section>'
    )


def lines(title, unit, series, times=None):
    """A line for each of series; the other axis is logarithmic, or times."""
    points = [point for line in series.values() for point in line]
    top = nice(max(y for _, y in points))
    xs = sorted({x for x, _ in points}) if not times else list(range(len(times)))
    place = (lambda x: x) if times else (lambda x: math.log10(max(x, 1)))
    first, span = place(xs[0]), place(xs[-1]) - place(xs[0])
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def at(x, y):
        share = (place(x) - first) / span if span else 0.5
        return LEFT + share * wide, TOP + (1 - max(y, 0) / top) * high

    parts = []
    for step in range(5):
        y = at(xs[0], top * step / 4)[1]
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" '
                     f'y1="{y:.1f}" y2="{y:.1f}"/><text class="tick" x="{LEFT - 5}" '
                     f'y="{y + 4:.1f}" text-anchor="end">{top * step / 4:g}</text>')
    for x in xs if not times else (xs[0], xs[-1]) if len(xs) > 1 else xs:
        text = f"{x:,}" if not times else times[x][:10]
        anchor = "start" if x == xs[0] else "end" if x == xs[-1] else "middle"
        parts.append(f'<text class="tick" x="{at(x, 0)[0]:.1f}" y="{HEIGHT - 8}" '
                     f'text-anchor="{anchor}">{text}</text>')
    for number, (name, line) in enumerate(series.items()):
        where = [at(x, y) for x, y in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in where)
        parts.append(f'<polyline class="line c{number}" points="{path}"/>')
        for (x, y), (value, figure) in zip(where, line):
            text = f"{name}, {times[value] if times else value}: {figure:g}"
            parts.append(f'<circle class="c{number}" cx="{x:.1f}" cy="{y:.1f}" r="3">'
                         f"<title>{escape(text)}</title></circle>")
    names = "".join(
        f'<li class="c{number}">{escape(name)} <b>{line[-1][1]:g}</b></li>'
        for number, (name, line) in enumerate(series.items())
    )
    return (
        f'<figure class="lines"><figcaption>{escape(title)} '
        f"<small>{escape(unit)}</small></figcaption>"
        f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(parts)}</svg>'
        f"<ul>{names}</ul></figure>\n"
    )


def nice(value):
    """The end of an axis: 1, 2 or 4 with zeros, or so."""
    power = 10 ** math.floor(math.log10(value or 1))
    return next(n * power for n in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10)
                if n * power >= value)


# what was wanted


def goals(last):
    rows = "".join(
        f'<tr class="{"yes" if yes else "no"}"><td>{escape(text)}</td>'
        f'<td>{value}</td><td>{"reached" if yes else "not reached"}</td></tr>\n'
        for text, value, yes in last["goals"]
    )
    reached = sum(yes for *_, yes in last["goals"])
    notes = [f"Not measured: {last['subjects'][name]['title']}: {why}"
             for name, why in last["missing"].items()]
    notes += [f"Problem: {text}" for text in last["problems"]]
    listed = "".join(f"<li>{escape(text)}</li>" for text in notes)
    return (
        f'<section id="goals">\n<h2>Goals <small>{reached} of {len(last["goals"])} '
        f"reached</small></h2>\n<table>\n{rows}</table>\n<ul>{listed}</ul>\n</section>"
    )
