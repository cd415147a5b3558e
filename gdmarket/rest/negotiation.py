"""Everything here is JSON; whoever accepts none of it is told so."""

from collections.abc import Iterable

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.utils.mediatypes import media_type_matches

from gdmarket.rest import problems


class JsonNegotiation(BaseContentNegotiation):
    """Takes the one parser and the one renderer there are, or refuses; `?format=` means nothing here."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        return next((parser for parser in parsers if media_type_matches(str(parser.media_type), request.content_type)), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        offered = (str(renderer.media_type), problems.CONTENT_TYPE)
        accepted = [media_type.strip() for media_type in request.headers.get("Accept", "*/*").split(",")]
        if not any(media_type_matches(offer, media_type) for offer in offered for media_type in accepted):
            raise NotAcceptable
        return renderer, offered[0]
