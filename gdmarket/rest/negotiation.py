"""Everything here is JSON; whoever accepts none of it is told so."""

from collections.abc import Iterable
from typing import Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from gdmarket.rest import problems


class JsonAlone(DefaultContentNegotiation):
    """DRF's negotiation, without `?format=`, and content with a caller who accepts problem documents alone."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        chosen = list(renderers)
        if problems.CONTENT_TYPE in request.headers.get("Accept", ""):
            return chosen[0], str(chosen[0].media_type)
        seen: Any = _WithoutFormat(request)
        renderer, media_type = super().select_renderer(seen, chosen, None)
        return renderer, media_type


class _WithoutFormat:
    """A request as negotiation sees it: its `Accept` header, and no query."""

    def __init__(self, request: Request) -> None:
        self.META: dict[str, Any] = request.META
        self.query_params: dict[str, str] = {}
