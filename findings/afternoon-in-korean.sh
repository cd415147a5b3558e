#!/bin/sh
# "오후 3:30" (3:30 p.m.): dayjs 1.11.23 with its locale `ko` and Babel 2.19.0 with `ko_KR` read 3:30 in the morning, without an error,
# though both write 오후 for the afternoon themselves. moment 2.31.0 and date-fns 4.4.0 read 15:30.
# Expected: what a library writes in a locale, it reads back.
. "$(dirname "$0")/setup.sh"
with_python babel==2.19.0
with_node dayjs@1.11.23 moment@2.31.0 date-fns@4.4.0

cat > expected <<'END'
babel writes 오후 3:30, reads 03:30:00
dayjs writes 오후 3:30, reads 03:30
moment writes 오후 3:30, reads 15:30
date-fns writes 오후 3:30, reads 15:30
END
env/bin/python - > seen <<'END'
from datetime import time

from babel.dates import format_time, parse_time

written = format_time(time(15, 30), "short", locale="ko_KR")
print(f"babel writes {written}, reads {parse_time(written, locale='ko_KR')}")
END
cat > read.js <<'END'
import dayjs from 'dayjs';
import formats from 'dayjs/plugin/customParseFormat.js';
import 'dayjs/locale/ko.js';
import moment from 'moment';
import 'moment/locale/ko.js';
import { format, parse } from 'date-fns';
import { ko } from 'date-fns/locale';

const at = new Date(2026, 11, 10, 15, 30);
const day = '2026-12-10 ';
dayjs.extend(formats);
dayjs.locale('ko');
const byDayjs = dayjs(at).format('A h:mm');
console.log(`dayjs writes ${byDayjs}, reads ${dayjs(day + byDayjs, 'YYYY-MM-DD A h:mm', 'ko').format('HH:mm')}`);
moment.locale('ko');
const byMoment = moment(at).format('A h:mm');
console.log(`moment writes ${byMoment}, reads ${moment(day + byMoment, 'YYYY-MM-DD A h:mm').format('HH:mm')}`);
const byDateFns = format(at, 'a h:mm', { locale: ko });
console.log(`date-fns writes ${byDateFns}, reads ${format(parse(day + byDateFns, 'yyyy-MM-dd a h:mm', at, { locale: ko }), 'HH:mm')}`);
END
node read.js >> seen
compare
