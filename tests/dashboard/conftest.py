"""Passwords cost 50 ms and 16 MiB each on purpose; most tests are about who is let in, not about that."""

import pytest

from gateway.dashboard import passwords


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch):
    """A try costs 1 ms; `test_a_password_…` checks the real cost."""
    monkeypatch.setattr(passwords, "N", 2**8)
    monkeypatch.setattr(passwords, "NOBODY", passwords.NOBODY.replace(f"${2**14}$", f"${2**8}$"))
