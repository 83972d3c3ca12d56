"""Long bodies: takes one, gives one."""

SIZE = 100 << 20


def up(context, event):
    return str(len(event.raw_body))


def down(context, event):
    return b"x" * SIZE
