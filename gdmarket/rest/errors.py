"""Errors of HTTP itself; those of the contexts are mapped to HTTP in `problems`."""

from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.exceptions import APIException


class MalformedQueryError(APIException):
    """The query string holds characters that are not allowed."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = _("The query string holds characters that are not allowed.")
    default_code = "malformed_query"


class InvalidIfMatchError(APIException):
    """An `If-Match` is neither `*` nor one entity tag in its quotes."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = _("If-Match takes * or one ETag as an answer had it, in its quotes.")
    default_code = "invalid_if_match"


class WeakEtagError(APIException):
    """An `If-Match` holds a weak entity tag, which never matches. Source: RFC 9110, section 13.1.1."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_detail = _("If-Match holds a weak ETag, which never matches: leave out the W/ that something on the way has put there.")
    default_code = "weak_etag"


class InvalidIdempotencyKeyError(APIException):
    """An Idempotency-Key has a wrong length or characters."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = _("An Idempotency-Key is 1 to 255 visible ASCII characters.")
    default_code = "invalid_idempotency_key"


class RequestInProgressError(APIException):
    """The first request with this key is still being answered."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = _("The first request with this Idempotency-Key is still being answered.")
    default_code = "request_in_progress"
    wait = 1


class IdempotencyKeyReusedError(APIException):
    """The key came with another body before."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = _("This Idempotency-Key was used with another body.")
    default_code = "idempotency_key_reused"


class LengthRequiredError(APIException):
    """A body has no Content-Length."""

    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_detail = _("Send a Content-Length.")
    default_code = "length_required"


class BodyTooLargeError(APIException):
    """The body is larger than `DATA_UPLOAD_MAX_MEMORY_SIZE`."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = _("The body is too large.")
    default_code = "body_too_large"
