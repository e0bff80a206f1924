# Each target works alone on a machine with Python 3.11 and network to PyPI: it makes .venv and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test lint notebooks

demo: $(VENV)/demo
	$(BIN)/course-hw5 attend "I liked this movie because of its genre" --out runs/attention.html
	$(BIN)/course-hw5 classify docs/drawings/*.jpg --out runs/classify
	$(BIN)/course-hw5 segment "$$($(BIN)/python -c 'import sklearn, os; print(os.path.dirname(sklearn.__file__))')/datasets/images/china.jpg" --out runs/segment
	$(BIN)/course-hw5 lab weights_by_hand
	$(BIN)/course-hw5 demo --out runs/demo --overwrite

test: lint
	$(BIN)/python -m pytest

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

# Writes the .ipynb from the .py sources.
notebooks: $(VENV)/test
	$(BIN)/jupytext --to ipynb notebooks/*.py

$(VENV)/demo $(VENV)/test: setup.cfg
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[$(notdir $@)]"
	touch $@
