FROM python:3.13.14-slim AS build
WORKDIR /src
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.lock ./
RUN python -m venv /opt/aircall-exporter \
 && /opt/aircall-exporter/bin/pip install --require-hashes --only-binary=:all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY exporter exporter
RUN /opt/aircall-exporter/bin/pip install --no-deps --no-build-isolation . \
 && /opt/aircall-exporter/bin/pip uninstall --yes setuptools pip

FROM python:3.13.14-slim
LABEL org.opencontainers.image.title="aircall-exporter" \
      org.opencontainers.image.description="Prometheus exporter for Aircall" \
      org.opencontainers.image.source="https://github.com/aircall-exporter/aircall-exporter" \
      org.opencontainers.image.licenses="Apache-2.0"
# The base image has no compiled modules, and on a read-only file system each start would compile them again.
# A new volume gets the owner of its directory here: Grafana's user 472 writes the token for Grafana Live.
RUN useradd --uid 9979 --no-create-home --shell /usr/sbin/nologin aircall \
 && install -d -o aircall -g aircall /data \
 && install -d -o 472 /run/secrets/grafana-live \
 && python -m compileall -q -j 0 -x "/(test|idlelib|tkinter|site-packages)/" /usr/local/lib/python3.13
COPY --from=build /opt/aircall-exporter /opt/aircall-exporter
ENV PATH=/opt/aircall-exporter/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# glibc would keep the memory of large responses after they are freed.
ENV MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
USER 9979
# The default directory of data/, also for commands that are run in the exporter's container.
WORKDIR /
VOLUME /data
EXPOSE 9979
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:9979/-/healthy', timeout=3)"]
ENTRYPOINT ["aircall-exporter"]
CMD ["--web.listen-address=0.0.0.0:9979", "--storage.path=/data"]
