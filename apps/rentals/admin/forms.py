"""What is filled in before a command on a rental, or on several."""

from django import forms
from django.utils.translation import gettext_lazy as _

from gdmarket.text import is_plain, tidy


class CancelForm(forms.Form):
    """Why a rental is cancelled; both sides read it."""

    reason = forms.CharField(label=_("Reason"), max_length=200, required=False, widget=forms.Textarea(attrs={"rows": 4, "autofocus": True}))

    def clean_reason(self) -> str:
        """Return the reason with plain line breaks, and without control characters."""
        reason = tidy(text=self.cleaned_data["reason"])
        if not is_plain(text=reason, may_break=True):
            raise forms.ValidationError(_("Control characters are not allowed."), code="control_characters")
        return reason


class ReturnForm(forms.Form):
    """When an item came back, in the time zone of the admin."""

    returned_at = forms.DateTimeField(
        label=_("Returned at"), widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S")
    )
