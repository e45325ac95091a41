# make demo   set up, build the sample catalogue, index it, open the page   (ONCE=1: three queries instead)
# make test   set up, check, run all tests   (WORKERS=4: more of them at a time)
# make check  style, types, architecture
# make docs   build the documents as a site, in build/site; a dead link is an error
# make bench  measure, in some minutes (bench-full: everything, in an hour); results go to benchmarks/results.md by hand

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
WORKERS ?= 3
SAMPLE := data/local/sample
COLLECTION := data/local/collection
# Those that make a collection; models are the same wherever it is.
ON_SERVER = $(filter-out %_batching.py %_onnx.py %_suggest.py %_zoo.py %_starter.py, \
	$(shell grep -lE "collection|shelf" tests/test_indexer_*.py tests/test_search_*.py)) \
	tests/test_generation_fill.py tests/test_generation_gaps.py tests/test_ui_api_items.py tests/test_ui_api_writing.py
CHECKED := indexer search generation ui tests benchmarks data docs

.PHONY: setup demo test check docs bench bench-full clean
.DEFAULT_GOAL := demo

setup: $(VENV)/.complete

$(VENV)/.complete: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "findmake needs Python 3.11 or newer, but $(PYTHON) is older. Try: make PYTHON=python3.12"; exit 1; }
	@.ci/step "Making a virtual environment in $(VENV)" $(PYTHON) -m venv $(VENV)
	@.ci/step "Installing findmake (torch is large: some minutes the first time)" \
		$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ui,api,demo,credentials,postgres,milvus,ray,docs,dev]'
	@touch $@

demo: setup
	@.ci/step "Building the sample catalogue in $(SAMPLE)" $(BIN)/python data/sample/build.py $(SAMPLE)
	@.ci/step "Indexing it into $(COLLECTION)" .ci/index-sample $(BIN)/findmake $(SAMPLE) $(COLLECTION)
	@if [ -n "$${CI}$(ONCE)" ]; then \
		for query in "running shoes" "a cup of coffee" "an elephant"; do \
			.ci/step "findmake search '$$query'" \
				$(BIN)/findmake search "$$query" -k 3 --collection $(COLLECTION) || exit 1; \
		done; \
	else \
		echo "== Serving the page; stop it with Ctrl-C"; \
		$(BIN)/findmake serve --collection $(COLLECTION); \
	fi

check: setup
	@.ci/step "Style" $(BIN)/ruff check $(CHECKED)
	@.ci/step "Format" $(BIN)/ruff format --check $(CHECKED)
	@.ci/step "Types" $(BIN)/mypy
	@.ci/step "Architecture" $(BIN)/lint-imports

test: setup check
	@command -v chromium >/dev/null 2>&1 || echo "== No chromium: the browser tests will be skipped." \
		"On Debian, get it with: apt-get install chromium"
	@.ci/step "Tests" env OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=10
	@.ci/step "Tests of indexing and searching, on a PostgreSQL server" env OMP_NUM_THREADS=1 \
		$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --on-server $(ON_SERVER)

docs: setup
	@.ci/step "Documents" env NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "== Open build/site/index.html"

QUICK := search_speed filter_speed ranking_speed encoder_speed cold_start pipeline_speed
FULL := $(QUICK) page_speed page_memory map_quality api_throughput rescan_speed index_speed filter_recall peers peers_search \
	server_speed size_curve serving_memory scale_plan

bench: setup
	@for name in $(QUICK); do .ci/step "benchmarks/$$name.py" $(BIN)/python benchmarks/$$name.py || exit 1; done

bench-full: setup
	@for name in $(FULL); do .ci/step "benchmarks/$$name.py" $(BIN)/python benchmarks/$$name.py || exit 1; done

clean:
	rm -rf data/local build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
