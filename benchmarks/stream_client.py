"""Opens many chat streams at once and reads them to their ends: `python -m benchmarks.stream_client PORT N MAX_TOKENS`.

A process of its own, so that reading costs the server's process nothing; no HTTP library, so that it costs little.
"""

from __future__ import annotations

import asyncio
import json
import sys


async def read_stream(port: int, max_tokens: int) -> int:
    """Return the number of events of one stream."""
    body = json.dumps(
        {
            "model": "helix-demo",
            "messages": [{"role": "user", "content": "Tell me a story."}],
            "max_tokens": max_tokens,
            "temperature": 0,
            "ignore_eos": True,
            "speculation_depth": 0,
            "stream": True,
        }
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
    writer.write(f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
    answer = await reader.read()
    writer.close()
    if b"data: [DONE]" not in answer:
        raise RuntimeError(answer[:400].decode(errors="replace"))
    return answer.count(b"data: {")


async def main(port: int, num_streams: int, max_tokens: int) -> int:
    """Return the number of events of all streams together."""
    return sum(await asyncio.gather(*(read_stream(port, max_tokens) for _ in range(num_streams))))


if __name__ == "__main__":
    print(asyncio.run(main(*map(int, sys.argv[1:4]))))
