# make book · make test · make lab · make notebooks · make data · make bench · make clean
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# What the README's tables hold. The chapters' own studies are run by the commands they quote.
BENCHMARKS := em.py marginal_regression.py coordinate_descent.py susie.py gibbs.py \
  gene_p_values.py dirichlet_process.py "neural_shrinkage.py speed" \
  principal_components.py hidden_markov.py mixed_model.py galiana_step.py sparse_layer.py \
  folds_together.py pipeline.py notebooks.py

# One thread: results and times then don't depend on the machine's number of cores.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export GITOOLS_QUIET := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Under this variable every figure would vanish from the notebooks.
unexport MPLBACKEND

.PHONY: book test lab notebooks data bench clean

book: $(READY)
	$(BIN)/python -m gitools.book.runner
	$(BIN)/jupyter-book build . -W -n --keep-going --all
	@echo "The book is ready: open $(CURDIR)/_build/html/index.html"

test: $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadscope --nbval --nbval-current-env \
	  --nbval-cell-timeout=600 -q tests notebooks

notebooks: $(READY)
	$(BIN)/python -m gitools.book.runner --force

lab: $(READY)
	GITOOLS_QUIET= $(BIN)/jupyter lab notebooks

data: $(READY)
	GITOOLS_QUIET= $(BIN)/python -m gitools.data

bench: $(READY)
	@for script in $(BENCHMARKS); do \
	  GITOOLS_QUIET= $(BIN)/python benchmarks/$$script || exit 1; done
	@$(BIN)/python benchmarks/readme.py

clean:
	rm -rf _build $(VENV) .pytest_cache .ruff_cache .hypothesis

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" \
	  || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 book" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -e '.[book,test,data]' -c constraints.txt
	@touch $@
