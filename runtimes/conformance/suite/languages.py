"""The languages: the rows of the module's table, and what tests add to them."""

import glob
import os
import re
import shutil

RUNTIMES = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROOT = os.path.dirname(RUNTIMES)
BUILD = os.path.abspath(os.environ.get("FN_BUILD") or os.path.join(ROOT, "build"))
PATH = "/usr/local/bin:/usr/bin:/bin"  # nginx's, in which it looks for commands

_TEXT = r'(?:NULL|"([^"]*)")'
_ROW = re.compile(
    rf'ngx_string\("(\w+)"\),\s*{_TEXT},\s*\{{([^}}]*)\}},\s*{_TEXT},\s*"([^"]*)"'
    rf",\s*{_TEXT}, \d, (\d)"
)

# what has to be installed on Debian
_PACKAGES = {
    "python": "python3",
    "pypy": "pypy3",
    "nodejs": "nodejs",
    "golang": "golang-go",
    "java": "default-jdk-headless and libgoogle-gson-java",
    "dotnetcore": "dotnet-sdk-8.0 (from Microsoft)",
    "ruby": "ruby",
    "shell": "libjansson-dev",
}

# programs beside the command, on which the language depends
_TOOLS = {"golang": "go", "java": "javac"}

# subjects that nginx serves: in its worker, or as ever, by a process
_IN_WORKER = "-in-worker"
_BY_NGINX = "-by-nginx"

# what has to be installed for the worker, and a file of it
_EMBED_PACKAGES = {
    "python": ("python3-dev", "/usr/include/python3*/Python.h"),
    "pypy": ("pypy3-dev", "/usr/include/pypy3*/Python.h"),
    "golang": ("gcc", "/usr/bin/gcc"),
}

# handlers beside the default entry which are to be proved too
_ENTRIES = {"python": ["async_handler"], "pypy": ["async_handler"]}

_UTF8 = "text/plain; charset=utf-8"
_DEFAULT_TYPES = {"golang": _UTF8, "shell": _UTF8}

# what a language has not, and its handler can't answer by 501
_LACKS = {
    "golang": {"print": "os.Stdout is the descriptor, of no event"},
    "golang-in-worker": {"background": "a goroutine that panics ends the worker"},
    "java": {"init": "there is no init_context"},
    "shell": {
        "init": "there is no init_context",
        "source": "a script is read when an event comes",
        "entry": "a script has no entry points",
        "stack": "a program has no exceptions, but what it writes to standard error",
        "types": "a program sees text",
        "milliseconds": "the environment has seconds",
        "zero": "the environment has no zero bytes",
        "content_type": "a program has no content type",
    },
}


# what there is only between nginx and a process
_BY_NGINX_LACKS = {
    "wire": "nginx stands between the case and the lines of PROTOCOL",
    "process": "nginx starts and stops the process, not the case",
    "pieces": "nginx joins the pieces of a stream as it likes",
    "cut": "nginx may cut a stream before its first piece is sent",
}
_IN_WORKER_LACKS = {
    "wire": "nginx calls the handler, there are no lines of PROTOCOL",
    "process": "there is no process but nginx's worker",
    "descriptors": "0, 1, 2 and what a child inherits are the worker's",
    "concurrency": "a worker runs one event at a time",
    "pieces": "the pieces of a stream are sent when it has ended",
    "late": "nothing is sent before the handler has ended",
}


class Language:
    """One subject of the suite.

    name; language; command (list); target, entry (str or None); suffix of a source
    file; nginx: it is served by one, in_worker: and in the worker;
    default_type; lacks (dict of reasons); missing: why it can't be tried, or None;
    package: what is to be installed then, or None when it should have been there.
    """

    def __init__(self, name, command, target, entry=None, suffix=""):
        self.name = name
        self.command = command
        self.target = target
        self.entry = entry
        self.suffix = suffix
        name = name.partition(":")[0]
        self.in_worker = name.endswith(_IN_WORKER)
        self.nginx = self.in_worker or name.endswith(_BY_NGINX)
        self.language = _plain(name)
        self.default_type = _DEFAULT_TYPES.get(self.language, "text/plain")
        self.lacks = dict(_LACKS.get(self.language, {}))
        if self.in_worker:
            self.lacks.update(_IN_WORKER_LACKS)
            self.lacks.update(_LACKS.get(name, {}))
        elif self.nginx:
            self.lacks.update(_BY_NGINX_LACKS)
        self.missing = self.package = None


def of_command(arguments):
    command = list(arguments.command)
    command[0] = shutil.which(command[0], path=PATH) or os.path.abspath(command[0])
    command[1:] = [
        os.path.abspath(word) if os.path.exists(word) else word for word in command[1:]
    ]
    target = os.path.abspath(arguments.target)
    suffix = os.path.splitext(target)[1]
    return Language("command", command, target, arguments.entry, suffix)


def find(names):
    """The subjects that names (NAME or NAME:ENTRY) mean; none: all."""
    rows = {row[0]: row for row in _rows()}
    known = list(rows)
    known += [name + _IN_WORKER for name, row in rows.items() if row[5] or row[6] == "1"]
    found = []
    for name in names or known:
        name, _, entry = name.partition(":")
        row = rows.get(_plain(name))
        if name not in known and not (row and name.endswith(_BY_NGINX)):
            raise SystemExit(f'unknown language "{name}", known: {" ".join(known)}')
        found.append(_language(name, row, entry))
        if not entry:
            for entry in _ENTRIES.get(row[0], ()):
                found.append(_language(name, row, entry))
    return found


def _plain(name):
    return name.removesuffix(_IN_WORKER).removesuffix(_BY_NGINX)


def _rows():
    """name, command, options (C text), program, suffixes, embed, builds"""
    with open(os.path.join(ROOT, "src", "ngx_http_fn_lang.c"), encoding="utf-8") as c:
        rows = [match.groups(default="") for match in _ROW.finditer(c.read())]
    return [row for row in rows if row[0] in _PACKAGES]


def _language(subject, row, entry):
    name, command, options, program, suffixes, embed, _ = row
    folder = os.path.join(RUNTIMES, program.partition("/")[0])
    targets = sorted(glob.glob(os.path.join(folder, "[cC]onformance.*")))
    tools = [tool for tool in (command, _TOOLS.get(name)) if tool]
    paths = [os.path.join(top, program) for top in (BUILD + "/runtimes", RUNTIMES)]
    paths = [path for path in paths if os.path.exists(path)]
    start = [shutil.which(command, path=PATH) or command] if command else []
    start += re.findall(r'"([^"]*)"', options)
    language = Language(
        f"{subject}:{entry}" if entry else subject,
        start + paths[:1],
        targets[0] if targets else None,
        entry or None,
        "." + suffixes.split(".")[1],
    )
    gone = [tool for tool in tools if not shutil.which(tool, path=PATH)]
    if gone:
        language.package = _PACKAGES[name]
        language.missing = f"no {gone[0]}: install {language.package}"
    elif not paths:
        language.missing = f"no {program} in {BUILD}/runtimes: run make"
    elif not targets:
        language.missing = f"no conformance.* in {folder}"
    elif language.in_worker:
        _in_worker(language, f"{BUILD}/runtimes/{embed}")
    return language


def _in_worker(language, embed):
    package, file = _EMBED_PACKAGES[language.language]
    if not glob.glob(file):
        language.package = package
        language.missing = f"no {file}: install {package}"
    elif not os.path.exists(embed):
        language.missing = f"no {embed}: run make"
