# Two commands do everything on a fresh machine: `make quickstart` and `make test`.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
TASK ?= classification

.PHONY: setup quickstart study test lint clean

setup: $(INSTALLED)

$(INSTALLED): requirements.txt setup.cfg setup.py pyproject.toml
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --requirement requirements.txt
	@# their wheels ask for decord, a second OpenCV, transformers, a scorer of captions; none is needed
	$(RUN) -m pip install --quiet --no-deps mmaction2==1.2.0 clip_benchmark==1.6.2
	$(RUN) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(INSTALLED)

# pre-train, transfer, compare with training from scratch; ends with work_dirs/quickstart/report.html
quickstart: setup
	$(RUN) projects/quickstart/run.py

# three seeds of one task, both initialisations: make study TASK=classification
study: setup
	$(RUN) projects/quickstart/study.py $(TASK)

test: setup lint
	@# one thread a process: the processes share the cores
	OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses auto --dist loadfile

lint: setup
	$(RUN) -m ruff check .

clean:
	rm -rf work_dirs data/nano
