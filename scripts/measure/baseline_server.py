"""The obvious chat program, for comparison: Starlette on the same uvicorn, a set of sockets a room, nothing stored.

`python -m scripts.measure.baseline_server FD`: serves on a listening socket that was handed to it.
"""

from __future__ import annotations

import socket
import sys
from collections import defaultdict

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

rooms: defaultdict[str, set[WebSocket]] = defaultdict(set)


async def chat(websocket: WebSocket) -> None:
    """Everything that somebody says is sent to everybody in the room, one after the other."""
    await websocket.accept()
    room = rooms[websocket.path_params["room"]]
    room.add(websocket)
    try:
        while True:
            text = await websocket.receive_text()
            for member in list(room):
                await member.send_text(text)
    except WebSocketDisconnect:
        pass
    finally:
        room.discard(websocket)


app = Starlette(routes=[WebSocketRoute("/{room}", chat)])

if __name__ == "__main__":
    # Without pings: one less thing to do for it, and every byte that it sends is a message.
    config = uvicorn.Config(
        app, ws="websockets-sansio", ws_ping_interval=None, log_level="error", backlog=4096
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
