"""The socket's door: who comes in is signed in, comes from our own pages, and has not too many connections open.

Whoever comes while the node ends is told so at once: those who are here already hear it later, one after the other.

The route ends when the session is attached to its connection: from then on nothing of the request is kept.
"""

from __future__ import annotations

from starlette.websockets import WebSocket, WebSocketDisconnect

from workroom.abilities import list_abilities
from workroom.errors import OriginRefused, SignInRequired, WorkroomError
from workroom.node import Node
from workroom.sessions import hash_token
from workroom.sockets import field_types, listening, protocol
from workroom.sockets.close_codes import ABNORMAL, CloseCode, reason_of
from workroom.sockets.commands import SocketCommands
from workroom.sockets.connection import Connection
from workroom.sockets.listening import OwnStream
from workroom.sockets.session import Session
from workroom.sockets.websocket_protocol import SCOPE_EXTENSION
from workroom.web.authentication import cookie_name, token_from_cookie
from workroom.web.error_responses import error_response
from workroom.web.origin import require_own_origin

COMMANDS = SocketCommands()


async def socket_door(websocket: WebSocket) -> None:
    """The endpoint of `/socket`."""
    node: Node = websocket.app.state.node
    try:
        require_own_origin(websocket.scope["headers"], node.settings)
        if node.is_draining:
            await _accept_and_close(websocket, CloseCode.SERVICE_RESTART)
            return
        session, own = await _open_session(websocket, node)
    except OriginRefused as error:
        await websocket.send_denial_response(error_response(error))
        return
    except SignInRequired:
        await _accept_and_close(websocket, CloseCode.SIGN_IN_REQUIRED)
        return
    except WorkroomError as error:
        await websocket.send_denial_response(error_response(error))
        return
    try:
        await websocket.accept()
    except WebSocketDisconnect:
        session.connection_lost(ABNORMAL)  # it listens already
        return
    except BaseException:
        session.connection_lost(ABNORMAL)
        raise
    refusal = _find_refusal(node, session)
    if refusal is not None:
        session.connection_lost(refusal)
        _close(websocket, refusal)
        return
    node.session_opened(session)
    _connection_of(websocket).attach(session, _hello(node, own))


def _connection_of(websocket: WebSocket) -> Connection:
    connection: Connection = websocket.scope["extensions"][SCOPE_EXTENSION]
    return connection


async def _open_session(websocket: WebSocket, node: Node) -> tuple[Session, OwnStream]:
    token = token_from_cookie(websocket.scope["headers"], cookie_name(node.settings, node.installation_id))
    if token is None:
        raise SignInRequired("There is no session cookie.")
    token_hash = hash_token(token)
    signed_in = await node.reads.signed_in.ask(token_hash)
    if signed_in is None:
        raise SignInRequired("The session has ended.")
    session = Session(node, _connection_of(websocket), signed_in, token_hash, COMMANDS)
    # Asked once more, now that the account's stream is heard: an end of the session cannot fall between.
    own = await listening.listen_to_own_stream(session)
    if own is None:
        raise SignInRequired("The session has ended.")
    return session, own


def _find_refusal(node: Node, session: Session) -> CloseCode | None:
    """Asked in the same turn in which the session is counted in: goodbyes may have begun during the handshake."""
    if node.is_draining:
        return CloseCode.SERVICE_RESTART
    if node.count_connections(session.account_id) >= node.settings.connections_per_account:
        return CloseCode.TOO_MANY_CONNECTIONS
    return None


async def _accept_and_close(websocket: WebSocket, code: CloseCode) -> None:
    """Refuse in a way that a browser can read: it cannot see the status of a handshake that failed."""
    try:
        await websocket.accept()
    except WebSocketDisconnect:
        return
    _close(websocket, code)


def _close(websocket: WebSocket, code: CloseCode) -> None:
    connection = _connection_of(websocket)
    connection.attach(_Nobody())
    connection.say_goodbye_and_close(code, reason_of(code))


class _Nobody:
    """The session of a connection that is closed as soon as it is open: what it says is not heard."""

    def receive(self, data: bytes, /) -> None:
        """Drop a message."""

    def write(self, data: bytes, /) -> None:
        """Drop what was to be sent."""

    def connection_lost(self, code: int, /) -> None:
        """Forget nothing, because nothing was kept."""


def _hello(node: Node, own: OwnStream) -> bytes:
    signed_in = own.signed_in
    return protocol.encode(
        {
            "type": "hello",
            "protocol": protocol.PROTOCOL_VERSION,
            "epoch": node.epoch,
            "node": node.node_id,
            "account": {
                "account_id": signed_in.account_id,
                "kind": signed_in.kind,
                "display_name": signed_in.display_name,
                "customer_id": signed_in.customer_id,
                "stream": signed_in.stream_id,
                "abilities": list_abilities(signed_in.kind),
            },
            "stream_seq": own.seq,
            "heartbeat_seconds": node.settings.heartbeat_seconds,
            "limits": {
                "frame_bytes": node.settings.frame_bytes,
                "text_characters": field_types.MAX_TEXT_CHARACTERS,
                "subscriptions": node.settings.streams_per_connection,
                "files_per_message": node.settings.files_per_message,
                "file_bytes": node.settings.file_bytes,
            },
        }
    )
