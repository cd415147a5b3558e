"""Forms and screens whose changes are made by services: what one refuses is shown on the form, with all that was typed."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from apps.items.admin import history
from gdmarket.admin import ReadOnlyAdmin
from gdmarket.errors import DomainError, StaleError


class ServiceBackedForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """A form that knows what its row was before, and which version of it the person saw."""

    refusal: ClassVar[DomainError | None] = None
    """What the service refused a moment ago of what is typed here."""
    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Keep the row's values, and fill in its version."""
        super().__init__(*args, **kwargs)
        self.is_of_a_row = kwargs.get("instance") is not None
        self.saved: Any = None
        self.before: history.Values = {}
        if self.is_of_a_row:
            self.before = history.values_of(self.instance)
            self.initial["seen_version"] = self.instance.version

    @property
    def expected_version(self) -> int | None:
        """The version that the person saw; of a form that does not say it, the row's: the history says from what it was changed."""
        seen: int | None = self.cleaned_data["seen_version"]
        return self.instance.version if seen is None else seen

    def full_clean(self) -> None:
        """Check what is typed; what the service refused stands beside its field, or on top."""
        super().full_clean()
        if not self.is_bound or self.refusal is None:
            return
        if isinstance(self.refusal, StaleError):
            self._show_what_is_now()
        else:
            self.add_error(self.field_of(self.refusal), self.refusal.message)

    def field_of(self, refused: DomainError) -> str | None:
        """Return the field beside which a refusal stands; None for on top."""
        name = getattr(refused, "field", None)
        return name if name in self.fields else None

    def _show_what_is_now(self) -> None:
        """Say beside each field that differs what it is now, and by whom; whoever saves again has seen that."""
        # A form that cannot be read has no version, and was not refused.
        who = history.name_changers(row=self.instance, since=self.cleaned_data.get("seen_version") or 0)
        self.data = {**self.data.dict(), "seen_version": str(self.instance.version)}  # type: ignore[attr-defined]  # what was posted
        typed = {name: getattr(value, "pk", value) for name, value in self.cleaned_data.items() if name != "seen_version"}
        for name in (name for name, value in typed.items() if value != self.initial.get(name)):
            now = {"value": self._shown(name), "who": who.get(name)}
            self.add_error(name, (_("It is now: %(value)s (%(who)s)") if name in who else _("It is now: %(value)s")) % now)
        if not self.errors:  # the same form was sent twice, or another person typed the same: nothing is replaced
            self.cleaned_data["seen_version"] = self.instance.version

    def _shown(self, name: str) -> str:
        field: Any = self.fields[name]
        value = self.initial[name]
        if isinstance(field, forms.ModelChoiceField):
            queryset: Any = field.queryset
            return str(queryset.filter(pk=value).first() or "–")
        if isinstance(field, forms.ChoiceField):
            return str(dict(field.choices).get(value, value))  # type: ignore[arg-type]  # no groups
        return history.shown(name, value)


class ServiceBackedAdmin(ReadOnlyAdmin):
    """An admin whose changes are made by services, and whose history says from what to what."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form; what a service refuses is rolled back, and shown on the same form anew."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as refused:
            vars(request)["refusal"] = refused
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002  # Django's hook
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.refusal = vars(request).get("refusal")
        return form

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        """Show a form that was stale: no error of who typed it."""
        refused = vars(request).get("refusal")
        if isinstance(refused, StaleError):
            context["errors"] = None
            kept = _("What you typed is kept. Where it differs, it says what it is now; saving again replaces that.")
            self.message_user(request, f"{refused.message} {kept}", messages.WARNING)
        return super().render_change_form(request, context, *args, **kwargs)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:  # noqa: FBT001, FBT002  # Django's hook
        """Return what the service did change."""
        if add:
            return super().construct_change_message(request, form, formsets, add)
        return self.changes_of(before=form.before, saved=form.saved)

    def changes_of(self, *, before: history.Values, saved: Any) -> list[dict[str, Any]]:
        """Return an entry of the log: from what was before to what was saved."""
        return history.changes(before=before, after=history.values_of(saved), model=self.model, version=saved.version)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        """Log a change; nothing where nothing differs."""
        return super().log_change(request, obj, message) if message else None

    def tell_history(self, entries: Sequence[Any]) -> None:
        """Say from what to what, in the reader's language."""
        history.tell(entries=entries, model=self.model)
