#!/bin/sh
# Django 5.2.19 in Korean: DATETIME_FORMAT writes half past midnight "2026년 12월 10일 12:30 오전", with the half of the day after the time;
# TIME_FORMAT writes "오전 12:30", as Korean does. So one page of the admin has both. A form reads neither: DATETIME_INPUT_FORMATS of `ko`
# has "2026년 12월 10일 15시 30분", and 10/12/26 is 12 October.
# Expected: "2026년 12월 10일 오전 12:30", and that what is written can be read. Cure: FORMAT_MODULE_PATH.
. "$(dirname "$0")/setup.sh"
with_python Django==5.2.19

cat > expected <<'END'
DATETIME_FORMAT: 2026년 12월 10일 12:30 오전
TIME_FORMAT: 오전 12:30
form, 2026년 12월 10일 12:30 오전: refused
form, 2026년 12월 10일 15시 30분: 2026-12-10 15:30:00+09:00
form, 10/12/26 15:30: 2026-10-12 15:30:00+09:00
END
env/bin/python - > seen <<'END'
from datetime import datetime
from zoneinfo import ZoneInfo

import django
from django import forms
from django.conf import settings

settings.configure(LANGUAGE_CODE="ko", TIME_ZONE="Asia/Seoul")
django.setup()

from django.utils import dateformat, formats

at = datetime(2026, 12, 10, 0, 30, tzinfo=ZoneInfo("Asia/Seoul"))
for name in ("DATETIME_FORMAT", "TIME_FORMAT"):
    print(f"{name}: {dateformat.format(at, formats.get_format(name))}")
for text in (dateformat.format(at, formats.get_format("DATETIME_FORMAT")), "2026년 12월 10일 15시 30분", "10/12/26 15:30"):
    try:
        read = forms.DateTimeField(localize=True).clean(text)
    except forms.ValidationError:
        read = "refused"
    print(f"form, {text}: {read}")
END
compare
