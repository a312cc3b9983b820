# `make` alone prints what there is.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JOBS ?= 2

.PHONY: help system setup demo test test-slow lint yardsticks model wheel clean extension gui-packages test-gui test-headless fuzz batch-proof bench

help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

system:
	@command -v $(PYTHON) >/dev/null || { echo "mmface needs Python 3.11, and '$(PYTHON)' is not on the PATH; install it or call make PYTHON=/path/to/python3.11."; exit 2; }
	@$(PYTHON) tools/check_system.py

$(READY): pyproject.toml constraints.txt | system
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[blender,model,models,train,batch,test,demo]"
	@touch $(READY)

setup: $(READY) ## create .venv with pinned versions

demo: $(READY) ## animate the bundled avatar from the bundled clip, and pose it from a photograph
	$(BIN)/python examples/demo.py

test: $(READY) ## run lint, types and tests (under ten minutes)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/python -m pytest -n $(JOBS) -m "not slow"

test-slow: $(READY) ## run the long proofs: the wheel in an empty venv, the demo, rigs, kills, the yardsticks
	$(BIN)/python -m pytest -m slow --ignore tests/extension --ignore tests/gui

lint: $(READY) ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

yardsticks: $(READY) ## measure capture on annotated pictures and videos (not published; docs/researcher.md)
	$(BIN)/python benchmarks/capture_quality.py

model: $(READY) ## rebuild the default face model and the avatar from their CC0 sources
	$(BIN)/mmface model build-default
	$(BIN)/python tools/build_avatar.py

wheel: $(READY) ## build the wheel into dist/
	$(BIN)/python -m build --wheel

clean: ## remove what was built, .venv included
	rm -rf $(VENV) $(VENV)-bpy5 build dist *.egg-info demo_output gui_screenshots bench_*.md

extension: $(READY) ## build the Blender add-on with the engine inside into dist/
	$(BIN)/python tools/build_extension.py

GUI_PACKAGES := blender python3-numpy xvfb xauth xdotool imagemagick libgl1-mesa-dri libegl1 libegl-mesa0 ffmpeg procps

gui-packages:
	@dpkg -s $(GUI_PACKAGES) >/dev/null 2>&1 || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(GUI_PACKAGES) >/dev/null; }

test-gui: $(READY) gui-packages ## click through the add-on in a real Blender (Debian, Ubuntu; installs it with apt-get)
	MMFACE_GUI=1 $(BIN)/python -m pytest tests/gui -m "" -x

$(VENV)-bpy5/.ready:
	$(PYTHON) -m venv $(VENV)-bpy5
	$(VENV)-bpy5/bin/python -m pip install --quiet bpy==5.0.1
	@touch $@

test-headless: $(READY) $(VENV)-bpy5/.ready ## work with the installed extension in bpy 4.5 and 5.0
	MMFACE_BPY_PYTHONS=$(abspath $(VENV)-bpy5/bin/python) $(BIN)/python -m pytest tests/extension -m "" -x

fuzz: $(READY) ## throw broken files at every reader (docs/reliability.md)
	$(BIN)/python -m tests.fuzz.campaign

batch-proof: $(READY) ## the measuring clips (not published) on three rigs as a batch, on a cluster, against one by one (an hour)
	$(BIN)/python benchmarks/batch_proof.py

bench: $(READY) ## measure speed: ICP and capture against their peers, ten thousand frames to curves
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/python benchmarks/icp.py --markdown bench_icp.md
	$(BIN)/python benchmarks/capture.py --live --faces --lengths --memory 30 --markdown bench_capture.md
	$(BIN)/python benchmarks/solve.py --markdown bench_solve.md
