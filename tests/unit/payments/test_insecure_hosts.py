"""Money is asked for over plain HTTP on this machine, and where a host was named for it."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from apps.payments.gateways.deadline_http import DeadlineHttpClient


def test_a_host_that_was_named_may_be_asked_over_plain_http_and_no_other() -> None:
    DeadlineHttpClient(base_url="http://fake-provider:8700", insecure_hosts=["fake-provider"])
    for other in ("http://pay.example", "http://fake-provider.example", "http://me:secret@fake-provider", "ftp://fake-provider"):
        with pytest.raises(ImproperlyConfigured):
            DeadlineHttpClient(base_url=other, insecure_hosts=["fake-provider"])
