"""A small API to test the rules of all APIs on; it records its calls."""

import threading
from uuid import UUID

from django.contrib import admin
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.urls import include, path
from rest_framework import serializers, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from gdmarket import correlation, errors
from gdmarket.rest.etags import expected_version, versioned_response
from gdmarket.rest.permissions import has_role
from gdmarket.rest.serializers import StrictSerializer
from gdmarket.rest.views import ApiRequest, ApiView

handler400 = "gdmarket.rest.problems.bad_request"
handler403 = "gdmarket.rest.problems.forbidden"
handler404 = "gdmarket.rest.problems.not_found"
handler500 = "gdmarket.rest.problems.internal_error"


class TakenError(errors.ConflictError):
    """{thing} is taken until {until}."""

    code = "thing_taken"


class TooLongError(errors.InvalidError):
    """The note is too long."""

    code = "too_long"
    field = "note"


class ClosedError(errors.UnavailableError):
    """The shop is closed."""

    code = "shop_closed"


class NoteSerializer(StrictSerializer):
    note = serializers.CharField(max_length=40)
    text = serializers.CharField(required=False, style={"base_template": "textarea.html"})
    number = serializers.IntegerField(read_only=True)


REFUSALS: dict[str, Exception] = {
    "invalid": errors.InvalidError(),
    "too_long": TooLongError(),
    "not_found": errors.NotFoundError(),
    "forbidden": errors.ForbiddenError(),
    "not_authenticated": errors.NotAuthenticatedError(),
    "declined": errors.DeclinedError(state="requested", rental={"id": UUID(int=7)}),
    "thing_taken": TakenError(thing="The drill", until="noon", status=200, code="forged"),
    "version_mismatch": errors.StaleError(),
    "shop_closed": ClosedError(retry_after_s=2.1),
    "throttled": errors.TooOftenError(retry_after_s=0.2),
    "database_unavailable": OperationalError("connection refused"),
    "internal_error": ZeroDivisionError("secret detail"),
}


class Calls:
    """The recorded calls, and how the next ones fail."""

    notes: list[tuple[str, UUID]]
    in_transaction: list[bool]
    fails_with: list[Exception | int]
    gate: threading.Event | None
    waiting: threading.Event

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.notes, self.in_transaction, self.fails_with = [], [], []
        self.gate = None
        self.waiting = threading.Event()


CALLS = Calls()


class NotesView(ApiView):
    permission_classes = [AllowAny]

    def get(self, request: Request) -> Response:
        return Response({"notes": len(CALLS.notes)})

    def post(self, request: ApiRequest) -> Response:
        body = NoteSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        CALLS.notes.append((body.validated_data["note"], request.operation_id))
        CALLS.in_transaction.append(connection.in_atomic_block)
        CALLS.waiting.set()
        if CALLS.gate is not None:
            assert CALLS.gate.wait(10)
        if CALLS.fails_with:
            failure = CALLS.fails_with.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return Response({"note": "no"}, status=failure)
        number = len(CALLS.notes)
        return Response({"number": number}, status=status.HTTP_201_CREATED, headers={"ETag": '"1"', "Location": f"/notes/{number}"})


class RefusalView(ApiView):
    permission_classes = [AllowAny]

    def get(self, request: Request, name: str) -> Response:
        raise REFUSALS[name]


class VersionedView(ApiView):
    permission_classes = [AllowAny]

    def get(self, request: Request, version: int) -> HttpResponse:
        return versioned_response(request, {"version": version}, version=version, variant=request.query_params.get("variant", ""))

    def patch(self, request: Request, version: int) -> HttpResponse:
        if expected_version(request) not in {None, version}:
            raise errors.StaleError
        return versioned_response(request, {"version": version + 1}, version=version + 1)


class ManagersView(ApiView):
    permission_classes = [has_role("item_manager")]

    def get(self, request: Request) -> Response:
        return Response({"you": str(request.user.pk), "actor": correlation.current().actor})


class ReadersView(ApiView):
    permission_classes = [has_role("item_manager", reading_is_open=True)]

    def get(self, request: Request) -> Response:
        return Response({})

    def delete(self, request: Request) -> Response:
        return Response({})


routes = [
    path("notes", NotesView.as_view()),
    path("refusals/<str:name>", RefusalView.as_view()),
    path("versions/<int:version>", VersionedView.as_view()),
    path("managers", ManagersView.as_view()),
    path("readers", ReadersView.as_view()),
]
urlpatterns = [
    path("api/v1/", include([*routes, path("auth/", include("apps.accounts.api.urls"))])),
    path("admin/", admin.site.urls),
]
