"""scripts/train.py: one command trains a recipe, goes on after a kill, and runs in several processes."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import train_together
from safetensors.torch import load_file

from utils import runs

SCRIPT = runs.ROOT / "scripts" / "train.py"
COMMON = ["--data", "scenes", "--count", "1000", "--model", "cnn_sooner"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone"]


@pytest.fixture
def train(monkeypatch):
    spec = importlib.util.spec_from_file_location("train", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *map(str, arguments)])
        threads = torch.get_num_threads()
        try:
            module.main()
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(False)

    return call


def environment():
    return os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(runs.ROOT)}


def test_it_writes_a_result_and_a_checkpoint(train, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runs, "RESULTS", tmp_path)
    out, checkpoint = tmp_path / "short.json", tmp_path / "short.safetensors"
    train(*COMMON, "--epochs", 1, "--seed", 0, 1, 2, "--test", "--out", out, "--checkpoint", checkpoint,
          "--state", tmp_path / "state")  # fmt: skip
    result = json.loads(out.read_text())
    assert result["command"].startswith("python scripts/train.py --data scenes")
    assert result["seeds"] == [0, 1, 2] and len(result["runs"]) == 3
    for run in result["runs"]:
        assert (
            set(run["test_accuracy"]) == set(run["validation_accuracy"]) == {"one", "flip", "flip_and_shift"}
        )
        assert run["training_seconds"] > 0 and len(run["epochs"]) == 1
    assert result["test_accuracy"]["one"]["std"] >= 0
    assert all(value.dtype in (torch.float16, torch.int64) for value in load_file(checkpoint).values())
    assert "wrote" in capsys.readouterr().out


def test_results_go_to_results(train, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train(*COMMON, "--out", tmp_path / "elsewhere.json")
    assert "--out must lie in" in capsys.readouterr().err


def test_a_kill_loses_no_epoch(tmp_path):
    command = [sys.executable, str(SCRIPT), *COMMON, "--epochs", "12"]
    killed = ["--state", str(tmp_path / "killed"), "--checkpoint", str(tmp_path / "killed.safetensors")]
    process = subprocess.Popen(command + killed, env=environment(), stderr=subprocess.DEVNULL)
    folder = tmp_path / "killed" / "cnn_sooner-scenes-1000-12-0"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (folder / "state.json").is_file() and len(
            json.loads((folder / "state.json").read_text())["epochs"]
        ) > 2:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was over before it could be killed"
    before = json.loads((folder / "state.json").read_text())["epochs"]
    subprocess.run(command + killed, env=environment(), check=True, capture_output=True)
    after = json.loads((folder / "state.json").read_text())["epochs"]
    assert after[: len(before)] == before and len(after) == 12
    whole = ["--state", str(tmp_path / "whole"), "--checkpoint", str(tmp_path / "whole.safetensors")]
    subprocess.run(command + whole, env=environment(), check=True, capture_output=True)
    resumed, straight = (load_file(tmp_path / f"{name}.safetensors") for name in ("killed", "whole"))
    assert all(torch.equal(resumed[key], value) for key, value in straight.items())


def test_two_processes_give_what_one_gives(tmp_path):
    """The sums are taken in another order, so the last digits differ; nothing else does."""
    script = runs.ROOT / "tests" / "train_together.py"
    done = subprocess.run(
        [*TORCHRUN, "--nproc_per_node=2", str(script), str(tmp_path)],
        env=environment() | {"PYTHONPATH": f"{runs.ROOT}:{script.parent}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the two have: the order of the sums depends on it
    try:
        alone = {name: train_together.weights_of(name) for name in train_together.SMALL}
    finally:
        torch.set_num_threads(threads)
    for name in train_together.SMALL:
        together = load_file(tmp_path / f"{name}.safetensors")
        for key, value in alone[name].items():
            torch.testing.assert_close(together[key], value, rtol=1e-3, atol=1e-5, msg=f"{name}: {key}")


def test_the_script_runs_in_two_processes(tmp_path):
    """Muon makes weak directions strong, and with them what rounding did there: the losses agree to one in a hundred."""
    losses = {}
    for name, starter in {"one": [sys.executable], "two": [*TORCHRUN, "--nproc_per_node=2"]}.items():
        command = [*starter, str(SCRIPT), *COMMON, "--epochs", "2", "--state", str(tmp_path / name)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        state = json.loads((tmp_path / name / "cnn_sooner-scenes-1000-2-0" / "state.json").read_text())
        losses[name] = [epoch["loss"] for epoch in state["epochs"]]
    assert losses["two"] == pytest.approx(losses["one"], rel=0.01)
