"""Counts what is posted, as wc does in the C locale."""

SPACE = b" \t\n\v\f\r"
SHAPE = bytes(ord(" ") if byte in SPACE else ord("x") for byte in range(256))
PIECE = 1 << 20  # bytes looked at at once: a large body is not copied whole


def handler(context, event):
    body = event.raw_body  # event.body is no bytes when JSON was posted
    lines = words = 0
    last = b" "
    for start in range(0, len(body), PIECE):
        piece = body[start : start + PIECE]
        lines += piece.count(b"\n")
        shape = last + piece.translate(SHAPE)
        words += shape.count(b" x")
        last = shape[-1:]
    return {"lines": lines, "words": words, "bytes": len(body)}
