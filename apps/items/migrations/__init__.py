"""The items tables, step by step."""
