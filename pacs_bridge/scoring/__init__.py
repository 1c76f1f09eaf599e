"""Figures of merit, the hit rule, the built-in scoring server and the client towards it."""
