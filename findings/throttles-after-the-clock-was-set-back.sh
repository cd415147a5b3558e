#!/bin/sh
# djangorestframework 3.18.3: `SimpleRateThrottle` keeps instants of `time.time()`. After the clock was set back by five hours, a caller who had used
# up "2/min" waits for five hours and a minute. Expected: a minute at most.
. "$(dirname "$0")/setup.sh"
with_python Django==5.2.19 djangorestframework==3.18.3

cat > expected <<'END'
[True, True, False], wait 60 s
set back by five hours: False, wait 18060 s
an hour later: False, wait 14460 s
END
env/bin/python - > seen <<'END'
import django
from django.conf import settings

settings.configure()
django.setup()

from rest_framework.throttling import SimpleRateThrottle

now = 1_000_000.0


class Throttle(SimpleRateThrottle):
    rate = "2/min"
    timer = staticmethod(lambda: now)

    def get_cache_key(self, request, view):
        return "caller"


def ask():
    throttle = Throttle()
    return throttle.allow_request(None, None), throttle


asked = [ask() for _ in range(3)]
print(f"{[allowed for allowed, _ in asked]}, wait {asked[-1][1].wait():.0f} s")
for what, change in (("set back by five hours", -18000), ("an hour later", 3600)):
    now += change
    allowed, throttle = ask()
    print(f"{what}: {allowed}, wait {throttle.wait():.0f} s")
END
compare
