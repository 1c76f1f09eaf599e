"""flask-security, flask-wtf and flask-limiter, set up for this application."""

from __future__ import annotations

import threading
from typing import Any

from flask import Flask, Response, request, session
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_security import MailUtil, PasswordUtil, Security
from flask_security.mail_util import EmailValidateException
from flask_wtf.csrf import CSRFProtect

from pacs_bridge.db.accounts import AccountStore
from pacs_bridge.domain.errors import RefusedInput
from pacs_bridge.services.passwords import (
    check_password,
    hash_password,
    normalise,
    verify_password,
)
from pacs_bridge.services.people import parse_email
from pacs_bridge.web.context import WebSettings


class Argon2Context:
    """What flask-security asks of a password context, over our own hashes.

    Two at a time: one hash takes 64 MiB, and a flood of tries must not take all memory.
    """

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(2)

    def identify(self, _password_hash: str) -> str:
        """Name the scheme."""
        return "argon2"

    def hash(self, password: str, **_options: Any) -> str:
        """Hash a password."""
        with self._places:
            return hash_password(password)

    def verify(self, password: str, password_hash: str) -> bool:
        """Whether the password is the one that was hashed."""
        with self._places:
            return verify_password(password, password_hash)

    def needs_update(self, _password_hash: str) -> bool:
        """Whether the hash is of an older kind; there is only one."""
        return False


class _Passwords(PasswordUtil):
    """The scheme's rule for passwords."""

    def normalize(self, password: str) -> str:
        return normalise(password)

    def validate(
        self,
        password: str,
        is_register: bool,  # noqa: ARG002  the signature is theirs
        **_more: Any,
    ) -> tuple[list[str] | None, str]:
        try:
            return None, check_password(password)
        except RefusedInput as error:
            return [str(error)], password


class _Addresses(MailUtil):
    """E-mail addresses as accounts have them, also of machines without a public name."""

    def normalize(self, email: str) -> str:
        try:
            return parse_email(email)
        except RefusedInput as error:
            raise EmailValidateException(str(error)) from error

    validate = normalize


_SAYINGS = {
    "INVALID_PASSWORD": "The password you use now is not right.",
    "PASSWORD_NOT_PROVIDED": "Enter the password.",
    "PASSWORD_IS_THE_SAME": "The new password is the old one; choose another.",
    "RETYPE_PASSWORD_MISMATCH": "The two new passwords are not the same.",
}


def set_up_security(app: Flask, accounts: AccountStore, settings: WebSettings) -> None:
    """Give the application signed sessions, form tokens and sign-in."""
    app.config.update(
        SECRET_KEY=settings.secret,
        SESSION_COOKIE_NAME="performs",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.cookie_secure,
        SESSION_PROTECTION="strong",
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        MAX_CONTENT_LENGTH=64 * 1024,
        MAX_FORM_PARTS=50,
        SECURITY_PASSWORD_SALT="-",  # noqa: S106  our hashes carry their own; theirs asks for one
        SECURITY_PASSWORD_SINGLE_HASH=("argon2",),
        SECURITY_API_ENABLED_METHODS=["session"],
        SECURITY_SEND_PASSWORD_CHANGE_EMAIL=False,
        SECURITY_FLASH_MESSAGES=False,
        **{f"SECURITY_MSG_{name}": (text, "error") for name, text in _SAYINGS.items()},
    )
    CSRFProtect(app)
    security = Security(
        app,
        accounts,
        register_blueprint=False,
        password_util_cls=_Passwords,
        mail_util_cls=_Addresses,
    )
    security.pwd_context = Argon2Context()


def limit_tries(app: Flask, tries: int) -> None:
    """Slow down guessing: failed tries count for the account and for the address.

    The count for an account is kept for each address apart, so that nobody can lock out
    somebody else.
    """
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://")
    for endpoint in ("sign_in.create", "sign_in.unlock", "account.change_password"):
        view: Any = app.view_functions[endpoint]
        view = limiter.limit(f"{tries} per 5 minutes", key_func=_who, deduct_when=_failed)(view)
        view = limiter.limit(f"{tries * 10} per 5 minutes", deduct_when=_failed)(view)
        app.view_functions[endpoint] = view


def _who() -> str:
    named = request.form.get("email", "") or str(session.get("_user_id", ""))
    return f"{get_remote_address()} {named.strip().lower()[:254]}"


def _failed(response: Response) -> bool:
    return response.status_code == 422
