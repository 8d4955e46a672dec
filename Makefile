# make run     the service, on http://127.0.0.1:8000 (HOST, PORT)
# make test    all tests (ARGS="-k word" for some, SERVERS=0 without MariaDB and PostgreSQL, WORKERS=0 one by one)
# make lint    style, types, direction of imports
# make bench   the measurements that the documentation quotes
# make lock    requirements/*.lock anew, after a change of dependencies in pyproject.toml
# make clean   remove the environment and all caches

BIN := .venv/bin
# Processes that share the tests, each with servers of its own. More than there are cores: many tests wait.
# Bytecode is written whatever the environment says: the tests start some thousand processes.
WORKERS ?= 3

.PHONY: run test lint bench lock clean

# The stamps make a second run start at once.
.venv/%.stamp: requirements/%.lock pyproject.toml tools/environment.sh
	@tools/environment.sh $*

# exec: a signal to stop reaches the service itself.
run: .venv/run.stamp
	@exec $(BIN)/plimsoll serve

test: .venv/dev.stamp
	@tools/servers.sh
	@PYTHONDONTWRITEBYTECODE= exec $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: .venv/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports
	@! grep -n '://' requirements/*.lock # a lock does not say where packages come from

bench: .venv/dev.stamp
	@set -e; for bench in bench/bench_*.py; do echo "== $$bench"; $(BIN)/python "$$bench"; done

lock:
	@tools/lock.sh

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
