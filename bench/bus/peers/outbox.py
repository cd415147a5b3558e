"""django-reliable-outbox with an effect of one UPDATE: fill, deliver all in one worker, print the rate. Runs in the peer's environment."""

import json
import sys
import time
from importlib import import_module
from typing import Any
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

PER_KEY = 6


def main(url: str, items: int) -> None:
    """Deliver `items` events, six of a key one after the other."""
    parts = urlsplit(url)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname,
        "PORT": parts.port,
    }
    settings.configure(DATABASES={"default": database}, INSTALLED_APPS=["reliable_outbox"], USE_TZ=True)
    django.setup()
    call_command("migrate", verbosity=0)
    outbox = import_module("reliable_outbox")

    def count(envelope: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE bench_effect SET n = n + 1 WHERE key = %s", [envelope.payload["key"]])

    outbox.handler("bench")(count)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_effect (key integer PRIMARY KEY, n integer NOT NULL)")
        cursor.execute("INSERT INTO bench_effect SELECT key, 0 FROM generate_series(0, %s) key", [items // PER_KEY])
        for item in range(items):
            outbox.publish("bench", {"key": item // PER_KEY}, key=str(item // PER_KEY))
    began, cpu = time.perf_counter(), time.process_time()
    call_command("outbox_worker", burst=True, batch_size=100)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(n) FROM bench_effect")
        done = cursor.fetchone()[0]
    print(json.dumps({"done": done, "per_s": done / seconds, "cpu_s_per_1000": 1000 * cpu / done}))  # for the caller


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
