"""Use cases, one a file; they own the transactions and reach the world through ports."""
