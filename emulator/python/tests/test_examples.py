"""The examples run, with this package and with the one it stands in for, and their parts do what they say."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from policy_files import picture_metadata, write

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
LINE = "import atari_emulator as ale_py  # with the reference: import ale_py\n"
MODULES = {"ale_py": "import ale_py\n", "atari_emulator": LINE}


def example(name: str, module: str, folder: Path) -> Path:
    """A copy of an example that imports `module`."""
    source = (EXAMPLES / f"{name}.py").read_text()
    assert source.count(LINE) == 1, f"{name}.py does not have the line {LINE!r}"
    path = folder / f"{name}.py"
    path.write_text(source.replace(LINE, MODULES[module]))
    return path


def run(name: str, module: str, folder: Path, *arguments: object) -> str:
    """What an example prints."""
    pytest.importorskip(module)
    command = [sys.executable, str(example(name, module, folder)), *map(str, arguments)]
    # On a busy machine PyTorch's threads wait for each other longer than they work.
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=300)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def loaded(name: str, folder: Path) -> ModuleType:
    """An example as a module, with ale_py."""
    pytest.importorskip("ale_py")
    spec = importlib.util.spec_from_file_location(f"example_{name}", example(name, "ale_py", folder))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("module", MODULES)
def test_dqn_learns_for_some_steps(module, tmp_path):
    pytest.importorskip("torch")
    settings = ["--game", "pong", "--steps", 240, "--num-envs", 4, "--learning-starts", 160, "--replay", 200]
    last = run("dqn", module, tmp_path, *settings).splitlines()[-1]
    assert re.match(r"step 240: no game has ended, epsilon 0\.01, \d+ steps/s$", last), last


@pytest.mark.parametrize("module", MODULES)
def test_search_finds_places(module, tmp_path):
    found = run("search", module, tmp_path, "--game", "montezuma_revenge", "--steps", 3000)
    match = re.match(r"montezuma_revenge: 3,0\d\d acts, (\d+) cells, best score [\d,]+, [\d,]+ acts/s$", found)
    assert match is not None and int(match[1]) > 10, found


@pytest.mark.parametrize("module", MODULES)
def test_stable_baselines3_learns_for_some_steps(module, tmp_path):
    pytest.importorskip("stable_baselines3")
    pytest.importorskip("cv2")
    # 13 rounds of 4 steps in 4 environments.
    assert run("sb3", module, tmp_path, "--steps", 208).splitlines()[-1] == "208 steps learned"


@pytest.mark.parametrize("module", MODULES)
def test_a_policy_plays(module, tmp_path):
    path, _ = write(tmp_path / "a.safetensors", picture_metadata(actions="[0,1,3,4]", stack="4", side="84"))
    said, result = run("play_policy", module, tmp_path, path, "--games", 3, "--steps", 40, "--seed", 1).splitlines()
    assert said == "<Policy of breakout: network small, 4 actions, 7 steps trained>"
    assert re.match(r"mean score of 3 games: [\d.]+, from \d+ to \d+$", result), result


def test_the_replay_of_dqn_gives_back_the_observations(tmp_path):
    pytest.importorskip("torch")
    ale_py = pytest.importorskip("ale_py")
    dqn = loaded("dqn", tmp_path)
    # Episodes of 10 steps, and a ring that comes round twice.
    envs = ale_py.AtariVectorEnv("breakout", 2, max_num_frames_per_episode=40, reward_clipping=False)
    replay, generator = dqn.Replay(30, 2), np.random.default_rng(0)
    observations, _ = envs.reset(seed=0)
    ages, acted, history = np.zeros(2, np.int64), np.ones(2, bool), []
    for _ in range(70):
        actions = generator.integers(4, size=2)
        nexts, rewards, terminated, truncated, _ = envs.step(actions)
        replay.add(observations[:, -1], ages, actions, np.sign(rewards), terminated, acted)
        history.append((observations, actions, nexts, acted))
        ages, acted, observations = np.where(acted, ages + 1, 0), ~(terminated | truncated), nexts
    assert not all(acted.all() for *_, acted in history)
    rows, envs_of_rows = np.repeat(np.arange(43, 69), 2), np.tile([0, 1], 26)
    expected = np.concatenate([history[row][0] for row in range(43, 69)])
    np.testing.assert_array_equal(replay.stacks(rows, envs_of_rows), expected)
    # Whatever is drawn is a step that was taken, with the observation after it.
    steps = {
        (seen.tobytes(), int(action), after.tobytes())
        for observations, actions, nexts, acted in history
        for seen, action, after, did in zip(observations, actions, nexts, acted)
        if did
    }
    seen, actions, _, nexts, _ = replay.sample(generator)
    assert len(actions) == dqn.BATCH
    assert all((a.tobytes(), int(b), c.tobytes()) in steps for a, b, c in zip(seen, actions, nexts))


def test_dqn_learns_the_values_of_a_world_of_two_pictures(tmp_path):
    torch = pytest.importorskip("torch")
    dqn = loaded("dqn", tmp_path)
    torch.manual_seed(0)
    generator = np.random.default_rng(0)
    # A dark picture and a bright one. Action 1 leads from the dark one to the bright one, where action 0 earns 1. All
    # else earns nothing, and ends the episode like the reward.
    replay, bright, ages = dqn.Replay(400, 1), False, 0
    acted = True
    for _ in range(400):
        action = int(generator.integers(2))
        goes_on = acted and not bright and action == 1
        reward = float(acted and bright and action == 0)
        frame = np.full((1, 84, 84), 200 if bright else 50, np.uint8)
        replay.add(frame, np.array([ages]), np.array([action]), np.array([reward]), np.array([not goes_on]), acted)
        if acted and not goes_on:
            acted, bright, ages = False, False, ages + 1
        else:
            bright, ages, acted = goes_on, ages + 1 if goes_on else 0, True
    layers = lambda: (torch.nn.Conv2d(4, 16, 12, 72), torch.nn.Flatten(), torch.nn.Tanh(), torch.nn.Linear(64, 2))
    make = lambda: torch.nn.Sequential(*layers())
    network, target = make(), make()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for number in range(150):
        if number % 10 == 0:
            target.load_state_dict(network.state_dict())
        dqn.update(network, target, optimizer, replay.sample(generator))
    stacks = np.zeros((2, 4, 84, 84), np.uint8)
    # As an episode begins, and after a step.
    stacks[0, 3], stacks[1, 2], stacks[1, 3] = 50, 50, 200
    with torch.no_grad():
        found = dqn.q_values(network, stacks).numpy()
    np.testing.assert_allclose(found, [[0, dqn.GAMMA], [1, 0]], atol=0.1)
