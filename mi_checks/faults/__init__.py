"""Exceptions that no part foresaw: told in one line, and what is left out because of them."""
