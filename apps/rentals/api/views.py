"""Rentals over HTTP: parse, one service or query, answer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import status

from apps.rentals import queries
from apps.rentals.api.filters import RentalFilter
from apps.rentals.api.serializers import (
    CancelRentalSerializer,
    PayRentalSerializer,
    RentalDetailSerializer,
    RentalSerializer,
    RequestRentalSerializer,
    ReturnRentalSerializer,
    WalkInSerializer,
    rental_detail_json,
    rental_json,
)
from apps.rentals.domain import RentalState
from apps.rentals.errors import PaymentUnavailableError, PeriodOverMeanwhileError, RentalNotFoundError, TooManyDeclinesError
from apps.rentals.models import Rental
from apps.rentals.queries import renters
from apps.rentals.services import cancelling, lending, paying, requesting, walk_in
from gdmarket import clock
from gdmarket.errors import DeclinedError
from gdmarket.rest import etags
from gdmarket.rest.pagination import page, page_of
from gdmarket.rest.permissions import has_role
from gdmarket.rest.serializers import EmptyBodySerializer
from gdmarket.rest.throttles import AnonThrottle, UserThrottle, WalkInThrottle
from gdmarket.rest.views import ApiRequest, ApiView

_IN_FLIGHT = {RentalState.PAYING, RentalState.REFUNDING}
_DONE_OR_IN_FLIGHT = {200: RentalSerializer, 202: RentalSerializer}


class RentalList(ApiView):
    """The caller's rentals."""

    def get_permissions(self) -> Sequence[Any]:
        """Let everyone read their own; only renters request."""
        return [has_role("renter")()] if self.request.method == "POST" else super().get_permissions()

    @extend_schema(tags=["rentals"], operation_id="listRentals", parameters=[RentalFilter], responses=page_of(RentalSerializer))
    def get(self, request: ApiRequest) -> HttpResponse:
        """List the rentals of which the caller is renter or manager, the newest first."""
        rentals = queries.list_rentals_of(person_id=request.person_id, **RentalFilter.parse(request))
        return page(request, rentals, order=("-requested_at", "-id"), serialize=partial(rental_json, now=clock.now()))

    @extend_schema(
        tags=["rentals"],
        operation_id="requestRental",
        request=RequestRentalSerializer,
        responses={201: RentalSerializer, 202: RentalSerializer, 402: None, 404: None},
    )
    def post(self, request: ApiRequest) -> HttpResponse:
        """Request an item and hold its period for 15 minutes; with `payment_method` pay for it in the same call."""
        body = RequestRentalSerializer.validated(request.data)
        with _with_rental_in_problem(request.operation_id):
            rental = requesting.request_rental(rental_id=request.operation_id, renter_id=request.person_id, now=clock.now(), **body)
        response = _answer_command(request, rental, done=status.HTTP_201_CREATED)
        response["Location"] = request.build_absolute_uri(reverse("rental", args=[rental.id]))
        return response


class WalkIn(ApiView):
    """Bookings at the desk."""

    permission_classes = [has_role("item_manager")]
    throttle_classes = [UserThrottle, AnonThrottle, WalkInThrottle]

    @extend_schema(
        tags=["rentals"], operation_id="bookWalkIn", request=WalkInSerializer, responses={201: RentalSerializer, 403: None, 404: None}
    )
    def post(self, request: ApiRequest) -> HttpResponse:
        """Book your own item for a renter who has paid you in cash, with an account or without one; the rental is paid at once."""
        body = WalkInSerializer.validated(request.data)
        rental = walk_in.book_walk_in(rental_id=request.operation_id, by=request.person_id, now=clock.now(), **body)
        response = _answer_command(request, rental, done=status.HTTP_201_CREATED)
        response["Location"] = request.build_absolute_uri(reverse("rental", args=[rental.id]))
        return response


class RentalDetail(ApiView):
    """One of the caller's rentals."""

    @extend_schema(tags=["rentals"], operation_id="getRental", responses=RentalDetailSerializer)
    def get(self, request: ApiRequest, rental_id: UUID) -> HttpResponse:
        """Show a rental to its renter or manager, with what was agreed and what has changed since."""
        rental = queries.get_rental_of(rental_id=rental_id, person_id=request.person_id)
        agreement, guest = queries.get_agreement(rental=rental), renters.find_guest(renter_id=rental["renter_id"])
        body = rental_detail_json(rental, agreement=agreement, guest=guest, person_id=request.person_id, now=clock.now())
        # What was agreed may be filled in, and the item change, within a version; and commands answer without either.
        return etags.versioned_response(request, body, version=rental["version"], variant=None)


class RentalPayment(ApiView):
    """The payment of a rental."""

    @extend_schema(tags=["rentals"], operation_id="payRental", request=PayRentalSerializer, responses={**_DONE_OR_IN_FLIGHT, 402: None})
    def post(self, request: ApiRequest, rental_id: UUID) -> HttpResponse:
        """Pay for a requested rental; 202 means that the outcome is not known yet."""
        body = PayRentalSerializer.validated(request.data)
        with _with_rental_in_problem(rental_id):
            rental = paying.pay_rental(**_command(request, rental_id), **body)
        return _answer_command(request, rental)

    @extend_schema(tags=["rentals"], operation_id="cancelPayment", responses=_DONE_OR_IN_FLIGHT)
    def delete(self, request: ApiRequest, rental_id: UUID) -> HttpResponse:
        """Refund the payment and keep the rental; 202 means that the refund is not complete yet."""
        return _answer_command(request, cancelling.cancel_payment(rental_id=rental_id, by=request.person_id, now=clock.now()))


class CancelRental(ApiView):
    """Cancellation of a rental."""

    @extend_schema(
        tags=["rentals"],
        operation_id="cancelRental",
        request=CancelRentalSerializer,
        responses=_DONE_OR_IN_FLIGHT,
    )
    def post(self, request: ApiRequest, rental_id: UUID) -> HttpResponse:
        """Cancel a rental, as its renter or manager; 202 means that the money is not back yet."""
        body = CancelRentalSerializer.validated(request.data)
        return _answer_command(request, cancelling.cancel_rental(**_command(request, rental_id), **body))


class HandOverRental(ApiView):
    """Handover of the item to the renter."""

    @extend_schema(tags=["rentals"], operation_id="handOverRental", request=EmptyBodySerializer, responses=RentalSerializer)
    def post(self, request: ApiRequest, rental_id: UUID) -> HttpResponse:
        """Hand the item of a paid rental over, as its manager."""
        EmptyBodySerializer.validated(request.data)
        return _answer_command(request, lending.hand_over(**_command(request, rental_id)))


class ReturnRental(ApiView):
    """Return of the item to its manager."""

    @extend_schema(tags=["rentals"], operation_id="returnRental", request=ReturnRentalSerializer, responses=RentalSerializer)
    def post(self, request: ApiRequest, rental_id: UUID) -> HttpResponse:
        """Take the item back, as its manager; `returned_at` says when it came back, where that is recorded later."""
        body = ReturnRentalSerializer.validated(request.data)
        return _answer_command(request, lending.take_back(**_command(request, rental_id), **body))

    @extend_schema(tags=["rentals"], operation_id="undoReturn", responses={200: RentalSerializer})
    def delete(self, request: ApiRequest, rental_id: UUID) -> HttpResponse:
        """Undo a return that was recorded by mistake, within 15 minutes, as the item's manager."""
        return _answer_command(request, lending.undo_return(rental_id=rental_id, by=request.person_id, now=clock.now()))


def _command(request: ApiRequest, rental_id: UUID) -> dict[str, Any]:
    return {"rental_id": rental_id, "by": request.person_id, "operation_id": request.operation_id, "now": clock.now()}


def _answer_command(request: ApiRequest, rental: Rental, *, done: int = status.HTTP_200_OK) -> HttpResponse:
    """Answer a command with the status `done`, or with 202 and a link to the rental's status while a payment or refund is in flight."""
    if rental.state not in _IN_FLIGHT:
        return _answer(request, rental, code=done)
    response = _answer(request, rental, code=status.HTTP_202_ACCEPTED)
    status_url = request.build_absolute_uri(reverse("rental-status", args=[rental.id]))
    response["Link"] = f'<{status_url}>; rel="monitor"'  # RFC 5989, section 4.1
    return response


def _answer(request: ApiRequest, rental: Rental, *, code: int = status.HTTP_200_OK) -> HttpResponse:
    body = _as_json(rental)
    # A rental becomes overdue without a change of its version.
    return etags.versioned_response(request, body, version=rental.version, variant="overdue" if body["overdue"] else "", status=code)


def _as_json(rental: Rental) -> dict[str, Any]:
    return rental_json(vars(rental), now=clock.now())


@contextmanager
def _with_rental_in_problem(rental_id: UUID) -> Iterator[None]:
    """Add the rental, which is still held or has just expired, to the problem that says why it could not be paid."""
    try:
        yield
    except (DeclinedError, PaymentUnavailableError, PeriodOverMeanwhileError, TooManyDeclinesError) as refused:
        try:
            rental = queries.get_rental(rental_id=rental_id)
        except RentalNotFoundError:
            raise refused from None  # refused before anything was held
        refused.details = {**refused.details, "rental": _as_json(rental)}
        raise
