"""Every address of the service, and what stands before all of them."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from workroom.node import Node
from workroom.passwords import PasswordHasher
from workroom.web import (
    accounts,
    files,
    health,
    invitations,
    labels,
    metrics,
    passwords,
    profile,
    registration,
    session,
    uploads,
)
from workroom.web.compliance.routes import list_officers_routes
from workroom.web.error_responses import ErrorResponses
from workroom.web.origin import OwnOriginOnly
from workroom.web.pages import Pages
from workroom.web.security_headers import SecurityHeaders
from workroom.web.socket import socket_door
from workroom.web.static_files import StaticFolder

# All show the same document; the program in it looks at the address.
PAGES = ("/", "/first-admin", "/set-password", "/invitation")


def build_app(node: Node, password_hasher: PasswordHasher, folder: StaticFolder | None = None) -> Starlette:
    """The web application of a running node.

    Args:
        folder: where the browser's program lies; None means the one of this installation.
    """
    pages = Pages(folder or StaticFolder())
    app = Starlette(
        routes=list_routes(pages),
        middleware=[
            Middleware(SecurityHeaders, settings=node.settings),
            Middleware(ErrorResponses),
            Middleware(OwnOriginOnly, settings=node.settings),
        ],
        exception_handlers={HTTPException: pages.answer_http_exception},
    )
    app.router.redirect_slashes = (
        False  # an address is what it is, and a redirection would need to know the host
    )
    app.state.node = node
    app.state.password_hasher = password_hasher
    return app


def list_routes(pages: Pages) -> list[BaseRoute]:
    """The table of addresses, as docs/protocol.md has it."""
    return [
        Route("/api/session", session.show_session, methods=["GET"]),
        Route("/api/session", session.sign_in, methods=["POST"]),
        Route("/api/session", session.sign_out, methods=["DELETE"]),
        Route("/api/sessions", session.sign_out_everywhere, methods=["DELETE"]),
        Route("/api/registration", registration.register, methods=["POST"]),
        Route("/api/first-admin", registration.register_first_admin, methods=["POST"]),
        Route("/api/password", passwords.change_password, methods=["POST"]),
        Route("/api/profile", profile.change_profile, methods=["PATCH"]),
        Route("/api/invitation", invitations.preview_invitation, methods=["POST"]),
        Route("/api/accounts", accounts.list_accounts, methods=["GET"]),
        Route("/api/accounts", accounts.create_account, methods=["POST"]),
        Route("/api/accounts/{account_id:uuid}", accounts.change_account, methods=["PATCH"]),
        Route("/api/accounts/{account_id:uuid}/link", accounts.create_link, methods=["POST"]),
        Route("/api/uploads", uploads.show_abilities, methods=["OPTIONS"]),
        Route("/api/uploads", uploads.begin_upload, methods=["POST"]),
        Route("/api/uploads/{file_id:uuid}", uploads.show_abilities, methods=["OPTIONS"]),
        Route(
            "/api/uploads/{file_id:uuid}", uploads.change_upload, methods=["HEAD", "PATCH", "DELETE", "POST"]
        ),
        Route("/api/files/{file_id:uuid}", files.show_file, methods=["GET"]),
        Route("/api/files/{file_id:uuid}/preview", files.show_preview, methods=["GET"]),
        Route("/api/labels/messages/{message_id:uuid}", labels.show_label, methods=["GET"]),
        Route("/api/labels/messages/{message_id:uuid}", labels.label_message, methods=["PATCH"]),
        Route("/api/labels/files/{file_id:uuid}", labels.label_file, methods=["PATCH"]),
        *list_officers_routes(),
        WebSocketRoute("/socket", socket_door),
        Route("/health/live", health.show_live, methods=["GET"]),
        Route("/health/ready", health.show_ready, methods=["GET"]),
        Route("/metrics", metrics.show_metrics, methods=["GET"]),
        Route("/static/{path:path}", pages.show_static, methods=["GET"]),
        *(Route(path, pages.show_index, methods=["GET"]) for path in PAGES),
    ]
