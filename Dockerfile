# One image for the server, the relay and the commands:
#   docker build -t gdmarket .
#   docker run -p 8000:8000 -e GDMARKET_SECRET_KEY=… -e GDMARKET_ALLOWED_HOSTS=… -e DATABASE_URL=… gdmarket
#   docker run … gdmarket python manage.py relay
# With Stripe's library: docker build --build-arg LOCK=stripe.lock …
FROM python:3.13-slim AS build
ARG LOCK=run.lock
COPY requirements/${LOCK} /tmp/run.lock
RUN python -m venv /opt/gdmarket \
    && /opt/gdmarket/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/run.lock

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent gdmarket && install -d -o gdmarket /var/lib/gdmarket
COPY --from=build /opt/gdmarket /opt/gdmarket
ENV PATH=/opt/gdmarket/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    GDMARKET_HOST=0.0.0.0 GDMARKET_DATA_DIR=/var/lib/gdmarket
WORKDIR /app
COPY manage.py ./
COPY gdmarket gdmarket
COPY apps apps
COPY config config
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
CMD ["gunicorn", "-c", "python:config.server", "config.wsgi"]
