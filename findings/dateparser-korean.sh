#!/bin/sh
# dateparser 1.5.0, Korean, asked at 2026-12-01 09:00 for dates in the future: "내일 오후 3시" (tomorrow at 3 p.m.) is tomorrow at 9 a.m.,
# the hour is dropped without a word; "12월 1일부터" (from 1 December) is a year later; "12/10" is 2112-10-01; of the words for "in three
# days" it knows 후 and not 뒤, and not 모레 (the day after tomorrow).
# Expected: the hour is kept, today is not a year away, 12/10 is 10 December, and what is not known is None as a whole.
. "$(dirname "$0")/setup.sh"
with_python dateparser==1.5.0

cat > expected <<'END'
12월 10일 오후 3시: 2026-12-10 15:00:00
내일 오후 3시: 2026-12-02 09:00:00
12월 1일부터: 2027-12-01 00:00:00
12/10: 2112-10-01 00:00:00
3일 후: 2026-12-04 09:00:00
3일 뒤: None
모레: None
END
env/bin/python - > seen <<'END'
from datetime import datetime

import dateparser

settings = {"RELATIVE_BASE": datetime(2026, 12, 1, 9), "PREFER_DATES_FROM": "future"}
for text in ("12월 10일 오후 3시", "내일 오후 3시", "12월 1일부터", "12/10", "3일 후", "3일 뒤", "모레"):
    print(f"{text}: {dateparser.parse(text, languages=['ko'], settings=settings)}")
END
compare
