"""A body that is a file: the headers by which a nuclio handler sends one."""

import os

_PATH = "x-nuclio-filestream-path"
_DELETE = "x-nuclio-filestream-delete-after-send"
_PIECE = 65536


def take(headers):
    """(path or None, whether the file is to be removed, the other headers).

    headers is a tuple of (name, value).  A client can't send these: nginx keeps
    them from events (PROTOCOL 4.2), so echoing a request's headers sends no file.
    """
    path, delete, rest = None, False, []
    for pair in headers:
        name = pair[0].lower()
        if name == _PATH:
            path = pair[1]
        elif name == _DELETE:
            delete = True
        else:
            rest.append(pair)
    return path, delete, tuple(rest)


def pieces(path, delete):
    """The file, read as it is sent; what this process can't read is an OSError."""
    with open(path, "rb") as file:
        piece = file.read(_PIECE)
        while piece:
            yield piece
            piece = file.read(_PIECE)
    if delete:
        os.unlink(path)
