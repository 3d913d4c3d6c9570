"""What browsers are told to refuse on our behalf, on every answer.

Scripts, styles, pictures and lines come from us alone, nothing inline; no page of ours is shown in a frame;
text can become markup nowhere (Trusted Types without a single policy). Under TLS browsers come back by TLS
only.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workroom.settings import Settings

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
UNUSED_FEATURES = (
    "accelerometer", "autoplay", "browsing-topics", "camera", "display-capture", "encrypted-media",
    "geolocation", "gyroscope", "hid", "identity-credentials-get", "idle-detection",
    "local-fonts", "magnetometer", "microphone", "midi", "payment", "publickey-credentials-get",
    "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
TWO_YEARS_SECONDS = 63_072_000


class SecurityHeaders:
    """Adds the headers to every HTTP answer, whoever gives it."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._headers = [(name.encode(), value.encode()) for name, value in security_headers(settings)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = message.get("headers", ())
                said = {name for name, _ in own}
                # A door that says something stricter of its own answer (a file's policy) is not overruled.
                message["headers"] = [*own, *(header for header in self._headers if header[0] not in said)]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def security_headers(settings: Settings) -> list[tuple[str, str]]:
    """The headers of every answer, names in lower case."""
    headers = [
        ("content-security-policy", CONTENT_SECURITY_POLICY),
        ("x-content-type-options", "nosniff"),
        # What is sent by fetch or on a socket says its Origin all the same; only a form's own POST would say null.
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", ", ".join(f"{feature}=()" for feature in UNUSED_FEATURES)),
        ("x-frame-options", "DENY"),
    ]
    if settings.uses_tls:
        headers.append(("strict-transport-security", f"max-age={TWO_YEARS_SECONDS}"))
    return headers
