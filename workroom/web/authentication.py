"""The session cookie: written when somebody signs in, read by every door and by the socket.

HttpOnly, SameSite=Lax; under TLS also Secure and named `__Host-`, so that no neighbouring host can set it.
Without TLS its name carries the installation: browsers keep cookies by host and not by port, and two
installations side by side on one machine would sign each other out. The cookie holds a token; who it is,
the database says each time.
"""

from __future__ import annotations

from uuid import UUID

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from workroom import sessions
from workroom.errors import SignInRequired
from workroom.sessions import SignedIn
from workroom.settings import Settings
from workroom.web.headers import Headers, list_header
from workroom.web.running import running_node

SECURE_COOKIE = "__Host-workroom_session"
PLAIN_COOKIE = "workroom_session"
MAX_TOKEN_CHARACTERS = 128
SECONDS_OF_A_DAY = 86_400


def cookie_name(settings: Settings, installation_id: UUID) -> str:
    """What the session's cookie is called."""
    return SECURE_COOKIE if settings.uses_tls else f"{PLAIN_COOKIE}_{installation_id.hex[:8]}"


def token_from_cookie(headers: Headers, name: str) -> str | None:
    """The session's token as the browser sent it, or None. `name` is what `cookie_name` gives."""
    for line in list_header(headers, b"cookie"):
        for pair in line.split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name and 0 < len(value) <= MAX_TOKEN_CHARACTERS:
                return value
    return None


async def find_signed_in(connection: HTTPConnection) -> SignedIn | None:
    """Who is signed in, or None. Asks the database."""
    node = running_node(connection)
    token = token_from_cookie(connection.scope["headers"], cookie_name(node.settings, node.installation_id))
    if token is None:
        return None
    async with node.database.read() as reading:
        return await sessions.find_session(reading, token)


async def require_signed_in(connection: HTTPConnection) -> SignedIn:
    """Who is signed in; SignInRequired when nobody is."""
    signed_in = await find_signed_in(connection)
    if signed_in is None:
        raise SignInRequired("There is no session, or it has ended.")
    return signed_in


def set_session_cookie(response: Response, request: Request, token: str) -> None:
    """Give the browser the token of its new session; whatever it had before is overwritten."""
    seconds = running_node(request).settings.session_days * SECONDS_OF_A_DAY
    response.headers.append("set-cookie", _cookie(request, token, seconds))


def clear_session_cookie(response: Response, request: Request) -> None:
    """Make the browser forget its token."""
    response.headers.append("set-cookie", _cookie(request, "", 0))


def _cookie(request: Request, token: str, max_age: int) -> str:
    node = running_node(request)
    name = cookie_name(node.settings, node.installation_id)
    secure = "; Secure" if node.settings.uses_tls else ""
    return f"{name}={token}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}"
