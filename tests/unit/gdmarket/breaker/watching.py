"""A breaker that tells under which generation its calls go through."""

from threading import local

from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.models import CircuitSnapshot


class WatchedBreaker(Breaker):
    """Remembers, in each thread, the snapshot that let the last call through."""

    _seen = local()

    @property
    def permit(self) -> CircuitSnapshot:
        """The snapshot under which the call of this thread goes through."""
        permit: CircuitSnapshot = self._seen.permit
        return permit

    def _permit(self, *, counts_as_success: bool = True) -> CircuitSnapshot:
        self._seen.permit = super()._permit(counts_as_success=counts_as_success)
        return self.permit
