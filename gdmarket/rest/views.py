"""The base class of every API view."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, NotAcceptable, ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.mediatypes import media_type_matches
from rest_framework.views import APIView

from gdmarket import correlation, ids
from gdmarket.rest import idempotency, problems
from gdmarket.rest.errors import LengthRequiredError, MalformedQueryError
from gdmarket.rest.middleware import record_actor
from gdmarket.rest.parsers import StrictJSONParser


class ApiRequest(Request):
    """A request with an `operation_id`, which is the same for every repetition of one keyed POST."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.operation_id: UUID = ids.uuid7()

    @property
    def person_id(self) -> UUID:
        """The id of the caller, who must be authenticated."""
        return cast("UUID", self.user.pk)


class JsonNegotiation(BaseContentNegotiation):
    """Uses the view's only parser and renderer; refuses callers that do not accept JSON, and ignores `?format=`."""

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


class ApiView(APIView):
    """A view with strict JSON and problem documents, whose POSTs accept an `Idempotency-Key`.

    `request.operation_id` (a UUID) is the same for every repetition of one keyed POST: use it as the id of what the request creates.
    """

    renderer_classes = [JSONRenderer]
    parser_classes = [StrictJSONParser]
    content_negotiation_class = JsonNegotiation
    http_method_names = ["get", "post", "patch", "delete", "head"]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "post" in cls.__dict__:
            cls.post = idempotency.idempotent(cls.post)  # type: ignore[attr-defined]  # it is there: see the line above

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with ExitStack() as self._context:
            return super().dispatch(request, *args, **kwargs)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> ApiRequest:
        return ApiRequest(
            request,
            parsers=self.get_parsers(),
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        method = str(request.method).lower()
        if method not in self.http_method_names or not hasattr(self, method):
            self.http_method_not_allowed(request)
        _check_query(request)
        if request.method not in SAFE_METHODS and "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            raise LengthRequiredError
        super().initial(request, *args, **kwargs)
        if request.user.is_authenticated:
            actor = str(request.user.pk)
            record_actor(request, actor)
            self._context.enter_context(correlation.use(replace(correlation.current(), actor=actor)))

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        return problems.problem_handler

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-cache" if "ETag" in response.headers else "no-store")
        return response


def _check_query(request: Request) -> None:
    parameters = list(request.query_params.lists())
    if any("\0" in text for name, texts in parameters for text in (name, *texts)):
        raise MalformedQueryError
    if repeated := [name for name, texts in parameters if len(texts) > 1]:
        raise ValidationError({name: [ErrorDetail(_("Give this parameter once."), code="repeated")] for name in repeated})
