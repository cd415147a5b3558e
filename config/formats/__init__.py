"""How dates and times are written where Django's own format is wrong (FORMAT_MODULE_PATH)."""
