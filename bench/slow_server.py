"""A server of one folder that is ``SECONDS`` away: ``python -m bench.slow_server FOLDER SECONDS``.

It writes its port, keeps connections, and answers many at once.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path


async def serve(folder: Path, seconds: float) -> None:
    """Serve until the process is ended."""
    files = {f"/{path.name}": path.read_bytes() for path in folder.iterdir()}

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                name = head.split(b" ", 2)[1].decode("ascii")
                await asyncio.sleep(seconds)
                content = files[name]
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content))
                writer.write(content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionResetError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=64)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
