# One image for every Airflow component, the Locust workers and the sample backend: the same lock as .venv.
FROM python:3.11-slim-bookworm

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow LOADTEST_HOME=/opt/loadtest \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False GX_ANALYTICS_ENABLED=False

RUN apt-get update \
 && apt-get install -y --no-install-recommends curl libpq5 tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 50000 --gid 0 --create-home airflow \
 && mkdir -p /opt/airflow/logs /opt/airflow/auth /opt/loadtest/runs /opt/loadtest/.loadtest \
 && chown -R airflow:0 /opt/airflow /opt/loadtest && chmod -R g=u /opt/airflow /opt/loadtest

# --compile-bytecode: the user at run time may not write it, and each process would compile everything anew.
WORKDIR /opt/loadtest
COPY requirements.txt ./
RUN pip install --no-cache-dir uv && uv pip install --system --no-cache --compile-bytecode -r requirements.txt
COPY pyproject.toml requirements.in README.md LICENSE /tmp/loadtest/
COPY plugins /tmp/loadtest/plugins
COPY include/profiles /tmp/loadtest/include/profiles
RUN uv pip install --system --no-cache --no-deps --compile-bytecode /tmp/loadtest && rm -rf /tmp/loadtest
COPY dags ./dags
COPY include ./include

# The commit of what is in the image, so that runs and baselines know their build: make compose-build gives it.
ARG COMMIT=""
ENV LOADTEST_COMMIT=${COMMIT}
LABEL org.opencontainers.image.revision=${COMMIT}

USER 50000:0
# The reports' chart library, bundled once; and whether what was installed can be used.
RUN python -c "from loadtest.reporting.vega import vega_bundle; vega_bundle()"
ENTRYPOINT ["tini", "--"]
CMD ["airflow", "version"]
