# make search   a stage of the report on the built-in sample: everything from nothing, in a few minutes
# make check    style, types, the order of rooms, and the tests that start no Ray, browser or network: six minutes
# make test     that and the tests that train, start Ray or open a browser, which is what CI runs: half an hour
# make slow     tests that take long for one behaviour (up to five minutes each): Weights & Biases against a server,
#               every network of Keras, a bucket, each scheduler, killed trainings, the notebook, Slurm; an hour
# make hosts    a cluster of three hosts made out of this machine: ten minutes (skipped without root,
#               openssh-server, iproute2 and rsync)
# make benchmarks   that the programs of benchmarks/ run, each at its smallest; ten minutes
# make soak     a search that is struck a hundred times: signals, killed processes; hours
# make study    the whole report on the sample: stages, pretraining, fine-tuning, photographs; twelve minutes

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# whose numbers hang on the backend
LEARNING := $(patsubst %,tests/trainables/training/test_%.py,training packed network equivalence)
ON_IMAGES := tests/trainables/training/test_image_training.py tests/trainables/inference/test_deployed_model.py
QUICK := not benchmark and not training and not ray and not browser and not cluster and not hosts and not slow
LONG := not slow and not benchmark and not hosts and (training or ray or browser or cluster)
TOGETHER := --numprocesses 2 --dist worksteal  # they wait for processes more than they compute

.PHONY: search study check test lint quick rest slow hosts soak benchmarks clean

search: $(VENV)/installed
	$(RUN) -m search.run --stage lr

study: $(VENV)/installed
	$(RUN) -m search.run --stage backbone --study sample-study --epochs 10
	$(RUN) -m search.run --stage all --backbone resnet50_v2 --study sample-study --epochs 10 --repeats 3 \
		--celeba sample
	$(RUN) -m search.predict sample-study --demo --out results/sample-study/winner/photographs.png
	$(RUN) -m search.report sample-study

check: lint quick

test: check rest

lint: $(VENV)/installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo

quick: $(VENV)/installed-dev
	$(VENV)/bin/pytest -m "$(QUICK)" $(TOGETHER) --durations=5

rest: $(VENV)/installed-dev
	$(VENV)/bin/pytest -m "$(LONG)" $(TOGETHER) --durations=12
	KERAS_BACKEND=jax $(VENV)/bin/pytest -m "not slow" $(TOGETHER) $(LEARNING)

slow: $(VENV)/installed-dev
	$(VENV)/bin/pytest -m "slow and not hosts and not benchmark" $(TOGETHER)
	KERAS_BACKEND=jax $(VENV)/bin/pytest $(TOGETHER) $(ON_IMAGES)

hosts: $(VENV)/installed-dev
	$(VENV)/bin/pytest -m hosts tests/cluster

benchmarks: $(VENV)/installed-dev
	$(VENV)/bin/pytest -m benchmark tests/benchmarks

soak: $(VENV)/installed
	$(RUN) -m benchmarks.soak

$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --editable '.[jax]'
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(VENV)/bin/pip install --quiet --editable '.[jax,dev]'
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
