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

# handlers beside the default entry which are to be proved too
_ENTRIES = {"python": ["async_handler"], "pypy": ["async_handler"]}

_UTF8 = "text/plain; charset=utf-8"
_DEFAULT_TYPES = {"golang": _UTF8, "shell": _UTF8}

# what a language has not, and its handler can't answer by 501
_LACKS = {
    "golang": {"print": "os.Stdout is the descriptor, of no event"},
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


class Language:
    """One subject of the suite.

    name; command (list); target, entry (str or None); suffix of a source file;
    default_type; lacks (dict of reasons); missing: why it can't be tried, or None;
    package: what is to be installed then, or None when it should have been there.
    """

    def __init__(self, name, command, target, entry=None, suffix=""):
        self.name = name
        self.command = command
        self.target = target
        self.entry = entry
        self.suffix = suffix
        self.language = name.partition(":")[0]
        self.default_type = _DEFAULT_TYPES.get(self.language, "text/plain")
        self.lacks = _LACKS.get(self.language, {})
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
    """The languages that names (LANGUAGE or LANGUAGE:ENTRY) mean; none: all."""
    rows = {row[0]: row for row in _rows()}
    found = []
    for name in names or rows:
        language, _, entry = name.partition(":")
        if language not in rows:
            raise SystemExit(f'unknown language "{language}", known: {" ".join(rows)}')
        found.append(_language(rows[language], entry))
        if not entry:
            for entry in _ENTRIES.get(language, ()):
                found.append(_language(rows[language], entry))
    return found


def _rows():
    """name, command, options (C text), program, suffixes"""
    with open(os.path.join(ROOT, "src", "ngx_http_fn_lang.c"), encoding="utf-8") as c:
        rows = [match.groups(default="") for match in _ROW.finditer(c.read())]
    return [row for row in rows if row[0] in _PACKAGES]


def _language(row, entry):
    name, command, options, program, suffixes = row
    folder = os.path.join(RUNTIMES, program.partition("/")[0])
    targets = sorted(glob.glob(os.path.join(folder, "[cC]onformance.*")))
    tools = [tool for tool in (command, _TOOLS.get(name)) if tool]
    paths = [os.path.join(top, program) for top in (BUILD + "/runtimes", RUNTIMES)]
    paths = [path for path in paths if os.path.exists(path)]
    start = [shutil.which(command, path=PATH) or command] if command else []
    start += re.findall(r'"([^"]*)"', options)
    language = Language(
        f"{name}:{entry}" if entry else name,
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
    return language
