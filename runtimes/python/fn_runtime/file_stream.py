"""A body that is a file: the headers by which a nuclio handler sends one."""

import os

PATH = "x-nuclio-filestream-path"
DELETE = "x-nuclio-filestream-delete-after-send"
_PIECE = 65536


def take(headers):
    """(rest of headers, path or None, whether the file is to be removed)."""
    path, delete, rest = None, False, {}
    for name, value in headers.items():
        lower = name.lower() if isinstance(name, str) else name
        if lower == PATH:
            path = value
        elif lower == DELETE:
            delete = True
        else:
            rest[name] = value
    return rest, path, delete


def status(path):
    """200, or why there is no body: 404 as in nuclio."""
    return 200 if os.path.isfile(path) else 404


def pieces(path, delete):
    """The file, read as it is sent; what this process can't read is an OSError."""
    try:
        with open(path, "rb") as file:
            while True:
                piece = file.read(_PIECE)
                if not piece:
                    return
                yield piece
    finally:
        if delete:
            os.unlink(path)
