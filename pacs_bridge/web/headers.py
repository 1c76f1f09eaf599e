"""What every answer says to the browser: nothing from elsewhere, nothing kept, no framing."""

from __future__ import annotations

from flask import Flask, Response, request

from pacs_bridge.web.context import settings

_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
_ALWAYS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_ASKED_EACH_TIME = "private, no-cache"  # a view's own word for a picture that one person may see


def harden(app: Flask) -> None:
    """Add the headers to every answer; a view's own policy stays."""

    @app.after_request
    def add(response: Response) -> Response:
        for name, value in _ALWAYS.items():
            response.headers.setdefault(name, value)
        if request.endpoint == "static":
            response.headers["Cache-Control"] = "public, max-age=3600"
        elif response.headers.get("Cache-Control") != _ASKED_EACH_TIME:
            response.headers["Cache-Control"] = "no-store"
        if settings().cookie_secure:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return response
