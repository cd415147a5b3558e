"""Money: whole minor units and a currency, never a float."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of an ISO 4217 currency: `Money(12_000, "KRW")` is 12,000 won, `Money(250, "USD")` 2.50 dollars."""

    amount: int
    currency: str

    def __add__(self, other: "Money") -> "Money":
        """Return the sum of two amounts of one currency.

        :raises ValueError: if the currencies differ
        """
        if self.currency != other.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.amount + other.amount, self.currency)

    def __mul__(self, times: int) -> "Money":
        """Return this amount a whole number of times."""
        return Money(self.amount * times, self.currency)
