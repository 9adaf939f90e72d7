# What a newcomer types. Everything is installed into .venv; nothing else of the machine is touched.

PYTHON ?= python3
BIN := .venv/bin
SIZE ?= 96
WORKERS ?= 2

.PHONY: demo test test-all slurm-test browser-test ordeal lint docs pages tour gallery bench bench-transfers experiments clean

demo: .venv/demo  ## a first texture, from images/pebbles.png with the built-in network
	$(BIN)/jaxtex --style=images/pebbles.png --workdir=runs/demo

test: .venv/test lint  ## the linter, the type checker and the quick tests: they cover every module
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile -m "not slow"

test-all: .venv/test lint  ## every test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=auto --dist=loadfile

slurm-test: .venv/test  ## sweeps by a real Slurm, which is started on this machine and stopped again; as root
	tests/support/slurm.sh $(BIN)/python -m pytest -rs tests/runs/slurm_test.py

browser-test: .venv/browser  ## the live page and reports in a real Chromium, headless; as root, where it has to be installed
	tests/support/browser.sh $(BIN)/python -m pytest -rs tests/viewer/browser_test.py tests/viewer/browser_report_test.py

ordeal: .venv/test  ## runs that are killed, told to leave, and made by the hundred, of any size: an hour
	$(BIN)/python tests/support/ordeal.py
	EXAMPLES=300 $(BIN)/python -m pytest tests/integration/any_test.py

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/codespell README.md CHANGELOG.md docs jaxtex experiments benchmarks weights tests

docs: .venv/docs  ## the pages of docs/ as a site, build/docs/index.html; a warning is an error
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs build/docs

pages: .venv/demo  ## docs/flags.md anew, from the help texts
	$(BIN)/python docs/flags.py

tour: .venv/tour  ## docs/tour.ipynb anew, with its pictures: some minutes
	$(BIN)/jupyter-execute --inplace docs/tour.ipynb

gallery: .venv/demo  ## docs/gallery.jpg and docs/highlights.jpg: some minutes
	$(BIN)/jaxtex --experiment=gallery
	$(BIN)/python docs/gallery.py runs/gallery
	$(BIN)/python docs/highlights.py

bench: .venv/bench  ## side by side with SciPy, optax, PyTorch and plenoptic, in one run
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/statistic_costs.py
	$(BIN)/python benchmarks/optimizers.py
	$(BIN)/python benchmarks/robustness.py
	$(BIN)/python benchmarks/neural_style.py
	$(BIN)/python benchmarks/classical.py

bench-transfers: .venv/bench  ## style transfers beside other programs, fetched by git; needs ../shared; two hours
	$(BIN)/python benchmarks/transfers.py
	$(BIN)/python benchmarks/transfers.py --tools=jaxtex --published

experiments: .venv/plots  ## every question of experiments/ with the built-in network, small: runs/*/sheet.png, table.md
	$(BIN)/jaxtex --experiment=list | cut -d' ' -f1 | \
		xargs -P $(WORKERS) -I{} $(BIN)/jaxtex --experiment={} --network=vgg_lite --size=$(SIZE)

clean:
	rm -rf .venv build runs *.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/%: .venv/bin/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@
