"""Audit messages to a syslog server (RFC 5424 over TLS, TCP or UDP)."""
