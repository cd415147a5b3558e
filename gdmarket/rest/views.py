"""The base class of every API view."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, ClassVar, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import ErrorDetail, NotAcceptable, ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Empty, Request
from rest_framework.response import Response
from rest_framework.utils.mediatypes import media_type_matches
from rest_framework.views import APIView

from gdmarket import bus, correlation, ids
from gdmarket.rest import idempotency, problems, responses
from gdmarket.rest.errors import LengthRequiredError, MalformedQueryError
from gdmarket.rest.middleware import record_actor
from gdmarket.rest.parsers import StrictJSONParser


class ApiRequest(Request):
    """A request with an `operation_id`, which is the same for every repetition of one keyed POST."""

    _operation_id: UUID | None = None

    # Not DRF's own: its `parser_context` refers to the request, which then stays in memory until the garbage collector comes.
    def __init__(self, request: HttpRequest, *, parsers: Sequence[BaseParser], authenticators: Sequence[BaseAuthentication]) -> None:
        self._request = request
        self.META = request.META  # DRF looks for it in itself first, each time
        self.parsers, self.authenticators, self.negotiator = parsers, authenticators, _NEGOTIATION
        for name in ("_data", "_files", "_full_data", "_content_type", "_stream"):
            setattr(self, name, Empty)

    @property
    def parser_context(self) -> dict[str, Any]:  # type: ignore[override]  # as above
        """What a parser may know."""
        return {"request": self}

    @property
    def operation_id(self) -> UUID:
        """The id of what the request makes."""
        if self._operation_id is None:
            self._operation_id = ids.uuid7()
        return self._operation_id

    @operation_id.setter
    def operation_id(self, operation_id: UUID) -> None:
        self._operation_id = operation_id

    @property
    def origin(self) -> str:
        """The address at which the market was asked, without a path."""
        return f"{self.scheme}://{self.get_host()}"

    @property
    def person_id(self) -> UUID:
        """The id of the caller, who must be authenticated."""
        return cast("UUID", self.user.pk)


class JsonNegotiation(BaseContentNegotiation):
    """Uses the view's only parser. What callers accept is looked at by the view."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        return next((parser for parser in parsers if media_type_matches(str(parser.media_type), request.content_type)), None)


_NEGOTIATION = JsonNegotiation()


class ApiView(APIView):
    """A view with strict JSON and problem documents, whose POSTs accept an `Idempotency-Key`.

    `request.operation_id` (a UUID) is the same for every repetition of one keyed POST: use it as the id of what the request creates.
    """

    renderer_classes = [JSONRenderer]
    parser_classes = [StrictJSONParser]
    content_negotiation_class = JsonNegotiation
    http_method_names = ["get", "post", "patch", "delete", "head"]
    _allow: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "post" in cls.__dict__:
            cls.post = idempotency.idempotent(cls.post)  # type: ignore[attr-defined]  # it is there: see the line above
        if "get" in cls.__dict__:
            cls.head = cls.get  # type: ignore[attr-defined]  # as above. Django sets it on each view, which then refers to itself
        methods = [name for name in cls.http_method_names if hasattr(cls, "get" if name == "head" else name)]
        cls._allow = ", ".join(methods).upper()

    # DRF's own does the same in more steps: a format, a version and a renderer to choose, headers to collect, an answer to render later.
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.args, self.kwargs = args, kwargs
        self.request = asked = self.initialize_request(request)
        # All that the request publishes is delivered at once, at its end, before the answer is sent.
        deferred = nullcontext() if request.method in SAFE_METHODS else bus.defer_dispatch()
        try:
            with deferred:
                self.initial(asked)
                response = getattr(self, str(request.method).lower())(asked, *args, **kwargs)
        except Exception as error:  # noqa: BLE001  # the edge: each becomes a problem document
            response = self.handle_exception(error)
        return self.finalize_response(asked, response)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> ApiRequest:
        return ApiRequest(request, parsers=self.get_parsers(), authenticators=self.get_authenticators())

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        meta, method = request.META, str(request.method)
        if method.lower() not in self.http_method_names or not hasattr(self, method.lower()):
            self.http_method_not_allowed(request)
        if meta.get("QUERY_STRING"):
            _check_query(request)
        if method not in SAFE_METHODS and "HTTP_TRANSFER_ENCODING" in meta and not meta.get("CONTENT_LENGTH"):
            raise LengthRequiredError
        if not _accepts_json(meta.get("HTTP_ACCEPT", "*/*")):
            raise NotAcceptable
        user = request.user  # it is asked for first: a bad token is 401 wherever it is shown
        self.check_permissions(request)
        self.check_throttles(request)
        if user.is_authenticated:
            actor = str(user.pk)
            record_actor(request, actor)
            correlation.act_as(actor)

    def sent_by(self, request: Request) -> bytes:
        """Return by what a repetition of a request is told from another one with the same key: its body."""
        return request.body

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], HttpResponse]:  # none needs rendering
        return problems.problem_handler

    def finalize_response(self, request: Request, response: HttpResponse, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]  # as above
        answer = responses.plain_response(response) if isinstance(response, Response) else response
        answer.headers["Allow"] = self._allow
        if "Cache-Control" not in answer.headers:
            answer.headers["Cache-Control"] = "private, no-cache" if "ETag" in answer.headers else "no-store"
        return answer


@lru_cache(maxsize=256)
def _accepts_json(accept: str) -> bool:
    accepted = [media_type.strip() for media_type in accept.split(",")]
    return any(
        media_type_matches(offer, media_type) for offer in (responses.CONTENT_TYPE, problems.CONTENT_TYPE) for media_type in accepted
    )


def _check_query(request: Request) -> None:
    parameters = list(request.query_params.lists())
    if any("\0" in text for name, texts in parameters for text in (name, *texts)):
        raise MalformedQueryError
    if repeated := [name for name, texts in parameters if len(texts) > 1]:
        raise ValidationError({name: [ErrorDetail(_("Give this parameter once."), code="repeated")] for name in repeated})
