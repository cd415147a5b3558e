"""HTTP for all contexts: problem documents, strict JSON, keyset pagination, ETags, idempotency keys, throttles, correlation and probes."""
