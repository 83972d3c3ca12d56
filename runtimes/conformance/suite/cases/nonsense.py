"""Answers that make no sense: each is the handler's failure (PROTOCOL 7.1)."""

from . import case
from ..trial import check, equal

NAMES = (
    "bad_status bad_status_low bad_status_text bad_type bad_type_line bad_header_name "
    "bad_header_value many_headers large_header"
).split()


def nonsense(name, *needs):
    @case(f"nonsense: {name}", *needs)
    def run(trial):
        reply = trial.ask(name)
        check("an error", reply.kind == "error", repr(reply))
        equal("status", reply.status, 500)
        check("with a name", reply.error, repr(reply))
        check("with a message", reply.message, repr(reply))
        trial.serves()


for _name in NAMES:
    nonsense(_name)
nonsense("wide_headers", "wire")  # a line does not hold them


@case("nonsense: an unknown name is a 404")
def unknown(trial):
    equal("status", trial.ask("no_such_name").status, 404)
