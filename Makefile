# Two commands do everything on a fresh machine: `make quickstart` and `make test`.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
TASK ?= classification
STACK ?= onedl

.PHONY: setup lock quickstart study test test-unit coverage types test-stack lint gpu-report-dry-run clean

setup: $(INSTALLED)

$(INSTALLED): requirements.lock requirements-no-deps.lock setup.cfg setup.py pyproject.toml
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --require-hashes --requirement requirements.lock
	@# their wheels ask for decord, a second OpenCV, transformers, a scorer of captions; none is needed
	$(RUN) -m pip install --quiet --no-deps --require-hashes --requirement requirements-no-deps.lock
	$(RUN) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(INSTALLED)

# versions and hashes of all that requirements.txt asks for, on every supported Python and machine; needs uv
LOCK := uv pip compile --generate-hashes --no-header --no-emit-index-url --quiet
lock:
	$(LOCK) --universal --python-version 3.10 --output-file requirements.lock requirements.txt
	$(LOCK) --no-deps --output-file requirements-no-deps.lock requirements-no-deps.txt

# pre-train, transfer, compare with training from scratch; ends with work_dirs/quickstart/report.html
quickstart: setup
	$(RUN) projects/quickstart/run.py

# three seeds of one task, both initialisations: make study TASK=classification
study: setup
	$(RUN) projects/quickstart/study.py $(TASK)

test: setup lint
	@# one thread a process: the processes share the cores
	OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses auto --dist loadfile

# the fast tier: parts that need no training
UNIT := tests/layers tests/safe_io tests/checkpoint tests/datasets/own tests/datasets/merged tests/engine/optim \
	tests/evaluation tests/models/necks tests/compat/mmcv_ops tests/cli tests/test_imports.py tests/test_registry.py
test-unit: setup
	OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses auto --dist loadfile --verbosity 0 $(UNIT)

# branches that no test takes, by file; a third slower than make test
coverage: setup
	OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses auto --dist loadfile --cov=eva_mm --cov-branch --cov-report=term:skip-covered

# not part of lint: the package is not clean yet
types: setup
	$(RUN) -m mypy

# another stack of hosts or torch, in an environment of its own: what a stack can break, in minutes.
# STACK=onedl: the OneDL forks of the hosts; latest: the newest torch; oldest: the oldest one that is supported
EDITS_onedl := \
	-e 's/^mmengine==.*/onedl-mmengine==0.10.12/' \
	-e 's/^mmcv-lite==.*/onedl-mmcv==2.3.6/' \
	-e 's/^mmdet==.*/onedl-mmdetection==3.5.1/' \
	-e 's/^mmsegmentation==.*/onedl-mmsegmentation==1.4.2/' \
	-e 's/^mmpretrain==.*/onedl-mmpretrain==1.3.6/'
EDITS_latest := -e 's/^torch==.*/torch/' -e 's/^torchvision==.*/torchvision/'
EDITS_oldest := -e 's/^torch==.*/torch==2.6.0/' -e 's/^torchvision==.*/torchvision==0.21.0/'
STACK_VENV := .venv-$(STACK)
STACK_TESTS := tests/stacks tests/compat tests/safe_io tests/configs/test_configs.py tests/test_registry.py \
	tests/engine/long_run tests/engine/deepspeed
test-stack: $(STACK_VENV)/.installed
	OMP_NUM_THREADS=1 $(STACK_VENV)/bin/python -m pytest --numprocesses auto --dist loadfile --verbosity 0 $(STACK_TESTS)

$(STACK_VENV)/.installed: requirements.txt requirements-no-deps.txt
	$(if $(EDITS_$(STACK)),,$(error STACK=$(STACK) is unknown: choose onedl, latest or oldest))
	$(PYTHON) -m venv $(STACK_VENV)
	sed $(EDITS_$(STACK)) requirements.txt > $(STACK_VENV)/requirements.txt
	$(STACK_VENV)/bin/python -m pip install --quiet --requirement $(STACK_VENV)/requirements.txt
	$(STACK_VENV)/bin/python -m pip install --quiet --no-deps --requirement requirements-no-deps.txt
	$(STACK_VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lint: setup
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

# every step of the GPU report at nano size on a CPU, by a Python 3.12 as bare as a GPU machine; downloads about 3 GB
PYTHON312 ?= python3.12
gpu-report-dry-run:
	bash projects/benchmarks/dry_run.sh $(PYTHON312)

clean:
	rm -rf work_dirs data/nano
