"""Handing mails to a mail server."""
