"""The workloads as an ASGI application, for uvicorn."""

import asyncio
import json

TEXT = b"text/plain"


async def hello(receive):
    return TEXT, b"Hello, world"


async def json_echo(receive):
    value = json.loads(await read(receive))
    return b"application/json", json.dumps(value).encode()


async def body(receive):
    return TEXT, str(len(await read(receive))).encode()


async def wait(receive):
    await asyncio.sleep(0.010)
    return TEXT, b"waited"


async def read(receive):
    pieces, more = [], True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


WORKLOADS = {"/hello": hello, "/json": json_echo, "/body": body, "/wait": wait}


async def application(scope, receive, send):
    if scope["type"] != "http":  # the start and the end of the server
        return
    kind, answer = await WORKLOADS[scope["path"]](receive)
    length = str(len(answer)).encode()
    headers = [(b"content-type", kind), (b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
