# syntax=docker/dockerfile:1
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/bookable
ENV PATH=/opt/bookable/bin:$PATH
COPY requirements/runtime.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY server server
COPY ics ics
COPY migrations migrations
RUN pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home bookable
COPY --from=build /opt/bookable /opt/bookable
ENV PATH=/opt/bookable/bin:$PATH PYTHONUNBUFFERED=1 BOOKABLE_HTTP_HOST=0.0.0.0
USER bookable
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
CMD ["bookable", "web"]
