"""The product's settings, with passwords that cost nothing: those of the processes that tests start, unless the settings are under test."""

from config.settings import *  # noqa: F403

PASSWORD_HASHERS = ["tests.passwords.QuickHasher"]
