"""A breaker that tells under which generation its calls go through."""

from threading import local

from gdmarket.breaker import Breaker
from gdmarket.breaker.store import Standing


class WatchedBreaker(Breaker):
    """Remembers, in each thread, the standing that let the last call through."""

    _seen = local()

    @property
    def permit(self) -> Standing:
        """Under which standing the call of this thread goes."""
        permit: Standing = self._seen.permit
        return permit

    def _permit(self, *, vouches: bool = True) -> Standing:
        self._seen.permit = super()._permit(vouches=vouches)
        return self.permit
