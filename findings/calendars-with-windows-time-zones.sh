#!/bin/sh
# A calendar with `TZID=Korea Standard Time` (as Outlook and Exchange write it) and no VTIMEZONE, 15:00 in Seoul, which is 06:00Z.
# ics.py 0.7.3 reads 15:00Z, nine hours late, without a word; vobject 0.9.9 gives no zone at all (and logs); ical.js 2.2.1 makes it floating.
# icalendar 7.3.2 and node-ical 0.26.1 know the name. A time without a zone is 15:00Z to ics.py as well.
# Expected: 06:00Z, or an error.
. "$(dirname "$0")/setup.sh"
with_python ics==0.7.3 icalendar==7.3.2 vobject==0.9.9
with_node ical.js@2.2.1 node-ical@0.26.1

cat > made.py <<'END'
def text(start):
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//example//EN", "BEGIN:VEVENT", "UID:1", "DTSTAMP:20261201T000000Z", start]
    return "\r\n".join([*lines, "DURATION:PT1H", "END:VEVENT", "END:VCALENDAR", ""])
END
cat > expected <<'END'
ics.py: 2026-12-10T15:00:00+00:00
ics.py, no zone: 2026-12-10T15:00:00+00:00
vobject: 2026-12-10T15:00:00
icalendar: 2026-12-10T15:00:00+09:00
ical.js: floating
node-ical: 2026-12-10T06:00:00.000Z
END
env/bin/python - > seen 2> errors <<'END'
from pathlib import Path

import icalendar
import ics
import vobject
from made import text

outlook = text("DTSTART;TZID=Korea Standard Time:20261210T150000")
Path("outlook.ics").write_text(outlook, newline="")
print("ics.py:", next(iter(ics.Calendar(outlook).events)).begin)
print("ics.py, no zone:", next(iter(ics.Calendar(text("DTSTART:20261210T150000")).events)).begin)
print("vobject:", vobject.readOne(outlook).vevent.dtstart.value.isoformat())
print("icalendar:", icalendar.Calendar.from_ical(outlook).walk("VEVENT")[0].start.isoformat())
END
cat > read.js <<'END'
import { readFileSync } from 'node:fs';
import ICAL from 'ical.js';
import ical from 'node-ical';

const calendar = new ICAL.Component(ICAL.parse(readFileSync('outlook.ics', 'utf8')));
console.log('ical.js:', new ICAL.Event(calendar.getFirstSubcomponent('vevent')).startDate.zone.tzid);
console.log('node-ical:', ical.sync.parseFile('outlook.ics')['1'].start.toISOString());
END
node read.js >> seen
compare
