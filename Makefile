# make bench: set up, run the main job on the embedded stores, end with a report.
# make test: set up, run the tests.
# make faults: every engine and every served protocol under every fault, in full.
# make full: 2000 nodes and 60,000 pods, four cells, unattended; goes on where it was interrupted.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out/bench

.PHONY: bench full faults test check fix proto setup lock

bench: setup
	$(BIN)/kubedyno matrix --codec json,orjson,protobuf --store etcd3,memory --rounds 3 \
		--nodes 100 --pods 1000 --out $(OUT)

full: setup
	$(BIN)/kubedyno full --out out/full

faults: setup
	$(BIN)/python -m tests.faults

test: setup
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m serialization.proto.generate --check

fix: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

proto: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m serialization.proto.generate

setup: $(VENV)/.done

$(VENV)/.done: requirements.lock pyproject.toml
	@start=$$(date +%s); \
	$(PYTHON) -m venv $(VENV) && \
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock && \
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e . && \
	touch $@ && \
	echo "set-up took $$(( $$(date +%s) - start )) s"

# Names, versions and hashes only; no index address, so that any index serves.
lock:
	$(BIN)/pip-compile --quiet --strip-extras --extra dev --allow-unsafe --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --output-file requirements.lock pyproject.toml
