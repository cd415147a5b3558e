#!/bin/sh
# A line of iCalendar has at most 75 octets (RFC 5545, section 3.1). npm's ics 3.12.0 folds after 75 characters, which are up to 225 octets of
# Korean; ics.py 0.7.3 folds nothing. icalendar 7.3.2 and ical-generator 10.2.0 keep to it.
# Expected: 75 octets at most, and no character cut in two.
. "$(dirname "$0")/setup.sh"
with_python ics==0.7.3 icalendar==7.3.2
with_node ics@3.12.0 ical-generator@10.2.0

cat > expected <<'END'
ics.py: longest line 368 octets
icalendar: longest line 75 octets
npm ics: longest line 185 octets
npm ical-generator: longest line 75 octets
END
env/bin/python - > seen <<'END'
from datetime import UTC, datetime

import icalendar
import ics

name, at = "전동드릴 세트 " * 18, datetime(2026, 12, 10, 6, tzinfo=UTC)
event = icalendar.Event()
event.add("summary", name)
event.add("dtstart", at)
for library, text in (("ics.py", str(ics.Event(name=name, begin=at))), ("icalendar", event.to_ical().decode())):
    print(f"{library}: longest line {max(len(line.encode()) for line in text.splitlines())} octets")
END
cat > write.js <<'END'
import ics from 'ics';
import ical from 'ical-generator';

const name = '전동드릴 세트 '.repeat(18);
const longest = (text) => Math.max(...text.split('\r\n').map((line) => Buffer.byteLength(line)));
const event = { start: [2026, 12, 10, 15, 0], duration: { hours: 1 }, title: name };
console.log(`npm ics: longest line ${longest(ics.createEvent(event).value)} octets`);
const calendar = ical();
calendar.createEvent({ start: new Date('2026-12-10T06:00:00Z'), summary: name });
console.log(`npm ical-generator: longest line ${longest(calendar.toString())} octets`);
END
node write.js >> seen
compare
