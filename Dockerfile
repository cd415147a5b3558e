# One image for the server, the relay and every command: docs/how-to/deploy.md says how to build, check and run it.
#   ./dev image gdmarket:local                   with everything that a setting may ask for: Stripe, OpenTelemetry
#   ./dev image gdmarket:small --build-arg LOCK=run.lock    with what is always needed
# A release pins the base by its digest: FROM python:3.13-slim@sha256:… (once, here; Dependabot keeps it fresh).
FROM python:3.13-slim AS base

FROM base AS build
ARG LOCK=full.lock
COPY requirements/${LOCK} /tmp/lock
# The environment has no pip: the base image's installs into it.
RUN python -m venv --without-pip /opt/gdmarket \
    && python -m pip --python /opt/gdmarket/bin/python --no-cache-dir --disable-pip-version-check install --require-hashes -r /tmp/lock
WORKDIR /app
COPY manage.py ./
COPY gdmarket gdmarket
COPY apps apps
COPY config config
COPY deploy/__init__.py deploy/
COPY deploy/simulator deploy/simulator
# Redoc loads files from other hosts and is not served. Bytecode is written now: the root is read-only later.
RUN GDMARKET_SECRET_KEY=build GDMARKET_DATA_DIR=/tmp GDMARKET_STATIC_DIR=/opt/static \
    /opt/gdmarket/bin/python manage.py collectstatic --no-input -v 0 -i redoc \
    && python -m compileall -q --invalidation-mode unchecked-hash apps config deploy gdmarket

FROM base AS sbom
COPY requirements/sbom.lock pyproject.toml /tmp/
RUN python -m venv --without-pip /opt/sbom \
    && python -m pip --python /opt/sbom/bin/python --no-cache-dir --disable-pip-version-check install --require-hashes -r /tmp/sbom.lock
COPY --from=build /opt/gdmarket /opt/gdmarket
RUN /opt/sbom/bin/cyclonedx-py environment --output-reproducible --pyproject /tmp/pyproject.toml -o /tmp/sbom.cdx.json /opt/gdmarket/bin/python

FROM base
# For `manage.py backup`: pg_dump of Debian's version, which copies servers up to that version. The base image decides which.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
RUN python -c "import ensurepip, pip, shutil; [shutil.rmtree(part.__path__[0]) for part in (ensurepip, pip)]" \
    && rm -f /usr/local/bin/pip* \
    && groupadd --gid 10001 gdmarket \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin gdmarket \
    && install -d -o gdmarket -g gdmarket -m 0700 /var/lib/gdmarket
COPY --from=build /opt/gdmarket /opt/gdmarket
COPY --from=build /opt/static /opt/static
COPY --from=build /app /app
COPY --from=sbom /tmp/sbom.cdx.json /usr/share/gdmarket/sbom.cdx.json
# It writes to the data folder, /tmp and /dev/shm alone.
ENV PATH=/opt/gdmarket/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    GDMARKET_HOST=0.0.0.0 GDMARKET_DATA_DIR=/var/lib/gdmarket GDMARKET_STATIC_DIR=/opt/static \
    GDMARKET_LOG_FORMAT=json
WORKDIR /app
USER 10001:10001
EXPOSE 8000 9100
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('GDMARKET_PORT', '8000') + '/health/live', timeout=4)"]
CMD ["gunicorn", "--no-control-socket", "-c", "python:config.server", "config.wsgi"]
# What changes with every build comes last, so that the layers above stay cached.
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="GDmarket" \
    org.opencontainers.image.description="A neighbourhood rental marketplace" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.source="${SOURCE}"
