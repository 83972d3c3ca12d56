"""What came out: for people, or as TAP."""


class Table:
    """A line per failure and per reason of skips, and a table at the end."""

    def __init__(self, slow):
        self._rows = []
        self._slow = slow  # seconds from which a case is named, or None
        self._skips = {}

    def subject(self, subject):
        self._rows.append([subject.name, 0, 0, 0, 0.0])
        self._skips = {}

    def missing(self, subject):
        self._rows[-1] = [subject.name, 0, 0 if subject.package else 1, 0, 0.0]
        print(f"{subject.name}: {subject.missing}")

    def result(self, name, result, text, seconds):
        row = self._rows[-1]
        row[1 + ("passed", "failed", "skipped").index(result)] += 1
        row[4] += seconds
        if self._slow is not None and seconds > self._slow:
            print(f"{row[0]}: {seconds:.1f} s: {name}")
        if result == "failed":
            print(f"{row[0]}: FAILED {name}")
            print("    " + text.replace("\n", "\n    "))
        elif result == "skipped":
            self._skips.setdefault(text, []).append(name)

    def subject_end(self):
        for reason, names in self._skips.items():
            print(f"{self._rows[-1][0]}: skipped, {reason}:\n    {'; '.join(names)}")

    def end(self):
        print(f"\n{'':22}{'passed':>8}{'failed':>8}{'skipped':>8}{'seconds':>9}")
        for name, passed, failed, skipped, seconds in self._rows:
            print(f"{name:22}{passed:8}{failed:8}{skipped:8}{seconds:9.1f}")
        return 1 if any(row[2] for row in self._rows) else 0


class Tap:
    """Test Anything Protocol, one plan for all subjects."""

    def __init__(self):
        self._name = ""
        self._count = self._failed = 0

    def subject(self, subject):
        self._name = subject.name

    def missing(self, subject):
        self._line(bool(subject.package), "all", f"# SKIP {subject.missing}")

    def result(self, name, result, text, seconds):
        skip = f"# SKIP {_line(text)}" if result == "skipped" else ""
        self._line(result != "failed", name, skip)
        if result == "failed":
            for line in text.split("\n"):
                print(f"# {line}")

    def subject_end(self):
        pass

    def _line(self, fine, name, skip):
        self._count += 1
        self._failed += not fine
        name = _line(name)
        word = "ok" if fine else "not ok"
        line = f"{word} {self._count} - {self._name}: {name} {skip}"
        print(line.rstrip(), flush=True)

    def end(self):
        print(f"1..{self._count}")
        return 1 if self._failed else 0


def _line(text):
    return " ".join(text.split()).replace("#", "")
