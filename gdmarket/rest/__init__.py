"""HTTP as all contexts speak it: problems, strict JSON, keyset pages, ETags, idempotency keys, throttles, correlation and probes."""
