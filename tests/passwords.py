"""Passwords that cost nothing to check in tests."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    """Hashes as the product does, once instead of a million times, so that a real server beside the tests knows the people too."""

    iterations = 1
