# One image for every Airflow component, the Locust workers and the sample backend: the same lock as .venv.
FROM python:3.11-slim-bookworm

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow LOADTEST_HOME=/opt/loadtest \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False GX_ANALYTICS_ENABLED=False

RUN apt-get update \
 && apt-get install -y --no-install-recommends curl git libpq5 tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 50000 --gid 0 --create-home airflow \
 && mkdir -p /opt/airflow/logs /opt/loadtest/runs /opt/loadtest/.loadtest \
 && chown -R airflow:0 /opt/airflow /opt/loadtest && chmod -R g=u /opt/airflow /opt/loadtest

WORKDIR /opt/loadtest
COPY requirements.txt ./
RUN pip install --no-cache-dir uv && uv pip install --system --no-cache -r requirements.txt
COPY --chown=airflow:0 pyproject.toml README.md LICENSE ./
COPY --chown=airflow:0 plugins ./plugins
COPY --chown=airflow:0 dags ./dags
COPY --chown=airflow:0 include ./include
RUN uv pip install --system --no-cache --no-deps -e .

USER 50000:0
ENTRYPOINT ["tini", "--"]
CMD ["airflow", "version"]
