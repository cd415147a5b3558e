"""Settings for loads and measurements: a few renters, at one address, ask for more than people may."""

from collections.abc import Mapping

UNLIMITED: Mapping[str, str] = {
    **{f"GDMARKET_THROTTLE_{whose}": "off" for whose in ("ANON", "AUTH", "REGISTER", "USER")},
    "GDMARKET_UNPAID_HOLDS": "0",
    "GDMARKET_UNPAID_HOLDS_PER_ITEM": "0",
    "GDMARKET_DECLINES_PER_RENTAL": "0",
    "GDMARKET_DECLINES_PER_RENTER": "0",
    "GDMARKET_CANCELLED_PAYMENTS": "0",
}
