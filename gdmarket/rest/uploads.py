"""Files in requests: `multipart/form-data`, read into memory up to a limit of the view's own."""

import hashlib
from collections.abc import Mapping
from typing import IO, Any, cast

from django.core.exceptions import TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, ParseError, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from gdmarket.rest.errors import BodyTooLargeError
from gdmarket.rest.views import ApiView

ENVELOPE = 64 * 1024
"""What a body may have beside its file."""


class MultipartParser(BaseParser):
    """Returns the fields and files of a form, each of which stands in it once."""

    media_type = "multipart/form-data"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        request: Request = (parser_context or {})["request"]
        try:
            fields, files = MultiPartParser(request.META, cast("Any", stream), [_InMemory()], "utf-8").parse()
        except (MultiPartParserError, TooManyFieldsSent, TooManyFilesSent) as error:
            raise ParseError(_("The body is not multipart/form-data."), code="malformed_form") from error
        named = [*fields.lists(), *files.lists()]
        repeated = {name for name, values in named if len(values) > 1} | (fields.keys() & files.keys())
        if repeated:
            raise ValidationError({name: [ErrorDetail(_("Give this field once."), code="repeated")] for name in sorted(repeated)})
        return {name: values[0] for name, values in named}


class UploadView(ApiView):
    """A view whose POSTs take a file of up to `most_bytes`; a repetition is one with the same fields, however they are put into a form."""

    parser_classes = [MultipartParser]
    most_bytes: int

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            self.admit()
            _read_body(request, most=self.most_bytes + ENVELOPE)

    def admit(self) -> None:
        """Refuse a file that cannot be dealt with now, before it is read; the caller may send files."""

    def sent_by(self, request: Request) -> bytes:
        """Return what was sent, without the boundary, which is another each time."""
        form: Any = request.data  # what `MultipartParser` returned
        parts = {name: _content_of(value) for name, value in form.items()}
        return repr(sorted((name, hashlib.sha256(content).digest()) for name, content in parts.items())).encode()


class _InMemory(MemoryFileUploadHandler):
    """Keeps files in memory, where the whole body is, up to the limit that was checked before."""

    def handle_raw_input(self, *_args: Any, **_options: Any) -> None:
        self.activated = True


def _read_body(request: Request, *, most: int) -> None:
    """Read the body, for which Django has one limit for all views, that of `request.body`."""
    length: str = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > most:
        raise BodyTooLargeError
    raw = request._request.read(most + 1)  # noqa: SLF001  # DRF has no public name for it
    if len(raw) > most:
        raise BodyTooLargeError
    if len(raw) < int(length):
        raise ParseError(_("The body ends before its Content-Length."), code="malformed_form")
    request._request._body = raw  # noqa: SLF001  # where `request.body` keeps it


def _content_of(value: Any) -> bytes:
    if not isinstance(value, UploadedFile):
        return str(value).encode()
    value.seek(0)
    content: bytes = value.read()
    value.seek(0)
    return b"file:" + content
