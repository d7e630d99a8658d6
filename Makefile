# make search   a stage of the report on the built-in sample: everything from nothing, in a few minutes
# make check    style, types, the order of rooms, and the tests that start no Ray, browser or network: six minutes
# make test     that and the tests that train, start Ray or open a browser, which is what CI runs: half an hour
# make slow     tests that take long for one behaviour (up to five minutes each): Weights & Biases against a server,
#               every network of Keras, a bucket, each scheduler, killed trainings, the notebook, Slurm; an hour
# make hosts    a cluster of three hosts made out of this machine, and Slurm's on two: a quarter of an hour (skipped
#               without root, openssh-server, iproute2 and rsync; Slurm's also without slurm-wlm and munge)
# make benchmarks   that the programs of benchmarks/ run, each at its smallest; ten minutes
# make soak     searches that are struck a hundred times: signals, killed processes, storage that goes away; hours
# make test-lowest   the quick tests, trainings and Ray's on the oldest versions that setup.cfg allows, in .venv-lowest
# make docs     the pages as a site, build/site/index.html; every link of them is checked; it installs mkdocs, so that
#               make test, which checks the links in its own way, does without; CI makes it as well
# make audit    the packages of requirements.lock against the known vulnerabilities (pip-audit); it needs the internet,
#               and fails where a package could not be looked up
# make study    the whole report on the sample: stages, pretraining, fine-tuning, photographs; twelve minutes

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# compiling all modules, most of which nobody imports, takes as long as the rest: Python compiles those that are. The
# warning is of setuptools, on every editable installation
INSTALL := PYTHONWARNINGS=ignore $(VENV)/bin/pip install --quiet --no-compile
# whose numbers hang on the backend
LEARNING := $(patsubst %,tests/trainables/training/test_%.py,training packed network equivalence)
ON_IMAGES := tests/trainables/training/test_image_training.py tests/trainables/inference/test_deployed_model.py
QUICK := not benchmark and not training and not ray and not browser and not cluster and not hosts and not slow
LONG := not slow and not benchmark and not hosts and (training or ray or browser or cluster)
LOWEST := .venv-lowest
TOOLS := 'pytest>=9.2' 'pytest-xdist>=3.8' 'pytest-rerunfailures>=16.7' 'moto[ec2,iam,s3,server]>=5.2.5' 'import-linter>=2.17' 'ipykernel>=7.4' 'nbformat>=5.11'
TOGETHER := --numprocesses 2 --dist worksteal  # they wait for processes more than they compute

# else every process compiles what it imports, and each of two that test all tests
export PYTHONDONTWRITEBYTECODE :=

.PHONY: audit docs search study check test lint quick rest slow test-lowest hosts soak benchmarks clean

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

docs: $(VENV)/installed
	$(INSTALL) --editable '.[docs]'
	rm -rf build/pages
	mkdir -p build/pages/benchmarks build/pages/trainables
	cp -r README.md CHANGELOG.md LICENSE docs examples build/pages
	cp benchmarks/README.md build/pages/benchmarks
	cp trainables/hyperparameters.py build/pages/trainables
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict

audit: $(VENV)/installed-dev
	$(VENV)/bin/uv tool run pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
		--requirement requirements.lock

soak: $(VENV)/installed-dev
	$(RUN) -m benchmarks.soak

# the pip that comes with Python may be years old, and take twice the time: the newest comes in its place, or after it
# where this Python has none. The largest packages are first: their first import, which compiles their modules, goes on
# beside the others
$(VENV)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv --without-pip $(VENV)
	$(PYTHON) -m pip --python $(RUN) install --quiet pip || $(PYTHON) -m venv --upgrade-deps $(VENV)
	$(INSTALL) tensorflow jax
	$(RUN) -c 'import tensorflow, keras, jax' >$(VENV)/first-import.log 2>&1 & $(INSTALL) --editable '.[jax]' && wait
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(INSTALL) --editable '.[jax,dev]'
	touch $@

test-lowest: $(LOWEST)/installed
	$(LOWEST)/bin/pytest -m "$(QUICK)" $(TOGETHER)
	$(LOWEST)/bin/pytest -m "not slow and not hosts and (training or ray)" $(TOGETHER) \
		--ignore tests/search/dashboard/test_dashboard_browser.py
	KERAS_BACKEND=jax $(LOWEST)/bin/pytest -m "not slow" $(TOGETHER) $(LEARNING)

# pip always takes the newest; uv takes what `lowest-direct` says. Exports have newer packages of their own
$(LOWEST)/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/pip install --quiet uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct \
		--editable '.[jax,cluster,dashboard,wandb]' $(TOOLS)
	touch $@

clean:
	rm -rf $(VENV) $(LOWEST) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
