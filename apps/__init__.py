"""The bounded contexts; they talk by events and facades alone."""
