#!/bin/sh
# arrow 1.4.0, `humanize(locale="ko")`, names days of the calendar, 내일 (tomorrow), 모레 (the day after), 글피 (the third day), but counts spans of 24
# hours: asked at 23:00 on 1 December, 01:00 and 22:00 on the 3rd are 내일, and the 4th is 모레, each a day too early; tomorrow itself is
# "23시간 후". In English it says "in a day", which is true. Django 5.2.19's `naturalday` looks at the calendar.
# Expected: 내일 for the 2nd and 모레 for the 3rd, or a span of time.
. "$(dirname "$0")/setup.sh"
with_python arrow==1.4.0 Django==5.2.19

cat > times.txt <<'END'
2026-12-02T22:00
2026-12-03T01:00
2026-12-03T22:00
2026-12-04T00:00
2026-11-30T22:00
2026-11-30T00:00
2026-11-29T23:30
END
cat > expected <<'END'
2026-12-02T22:00 arrow 23시간 후 (in 23 hours), Django 내일
2026-12-03T01:00 arrow 내일 (in a day), Django 12월 3일
2026-12-03T22:00 arrow 내일 (in a day), Django 12월 3일
2026-12-04T00:00 arrow 모레 (in 2 days), Django 12월 4일
2026-11-30T22:00 arrow 어제 (a day ago), Django 어제
2026-11-30T00:00 arrow 어제 (a day ago), Django 어제
2026-11-29T23:30 arrow 어제 (a day ago), Django 11월 29일
END
env/bin/python - > seen <<'END'
from datetime import datetime
from unittest.mock import patch
from zoneinfo import ZoneInfo

import arrow
import django
from django.conf import settings

settings.configure(TIME_ZONE="Asia/Seoul", USE_TZ=True, LANGUAGE_CODE="ko", INSTALLED_APPS=["django.contrib.humanize"])
django.setup()

from django.contrib.humanize.templatetags import humanize

SEOUL = ZoneInfo("Asia/Seoul")
now = datetime(2026, 12, 1, 23, tzinfo=SEOUL)


class Clock(datetime):
    @classmethod
    def now(cls, tz=None):
        return now.astimezone(tz)


with open("times.txt") as times, patch.object(humanize, "datetime", Clock):
    for line in times:
        at = datetime.fromisoformat(line.strip()).replace(tzinfo=SEOUL)
        korean, english = (arrow.get(at).humanize(arrow.get(now), locale=locale) for locale in ("ko", "en"))
        print(f"{line.strip()} arrow {korean} ({english}), Django {humanize.naturalday(at, 'n월 j일')}")
END
compare
