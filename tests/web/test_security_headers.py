"""What browsers are told to refuse on our behalf."""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import PlainTextResponse

from tests.http_client import Answer
from tests.web.asgi import ask
from workroom.settings import Settings
from workroom.web.security_headers import SecurityHeaders

LOCAL = Settings()


async def answer(settings: Settings = LOCAL) -> Answer:
    return await ask(SecurityHeaders(PlainTextResponse("hello"), settings), "GET", "/")


async def test_nothing_inline_nothing_foreign_and_no_policy_to_make_markup_of_text() -> None:
    policy = (await answer()).header("content-security-policy") or ""
    directives = dict(directive.strip().partition(" ")[::2] for directive in policy.split(";"))
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' blob:",
        "connect-src": "'self'",
        "font-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert "unsafe" not in policy


async def test_every_answer_has_the_headers() -> None:
    answered = await answer()
    assert answered.header("x-content-type-options") == "nosniff"
    assert answered.header("referrer-policy") == "no-referrer"
    assert answered.header("cross-origin-opener-policy") == "same-origin"
    assert answered.header("cross-origin-resource-policy") == "same-origin"
    assert answered.header("x-frame-options") == "DENY"
    assert "camera=()" in (answered.header("permissions-policy") or "")


async def test_browsers_come_back_by_tls_only_where_there_is_tls() -> None:
    assert (await answer()).header("strict-transport-security") is None
    tls = await answer(replace(LOCAL, public_url="https://rooms.example.org"))
    assert (tls.header("strict-transport-security") or "").startswith("max-age=")
