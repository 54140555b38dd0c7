"""Networks and tables of atari-dqn in numpy: the same values as the program's, and refusals of everything else."""

import csv
import json
import os
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from policy_files import NORM_EPSILON, expected_outputs, network_arrays, picture_metadata, safetensors, write

from atari_emulator.policy import Policy, load_policy

DATA = Path(__file__).parent / "data"
EXPECTED = json.loads((DATA / "q_values.json").read_text())
ROOT = Path(__file__).resolve().parents[3]

NORMS = {"norm": "channels", "norm_epsilon": str(NORM_EPSILON)}
CATEGORICAL = {"atoms": "4", "value_min": "-1", "value_max": "3.5"}
PICTURES = {
    "nature": {"network": "nature"},
    "nature with norms": {"network": "nature", **NORMS},
    "nips": {"network": "nips"},
    "small with norms": {"network": "small", **NORMS},
    "cpu, elu": {"network": "cpu", "activation": "elu"},
    "mlp": {"network": "mlp", "layers": "[3,5]", "side": "9"},
    "dueling": {"dueling": "true"},
    "dueling by the maximum": {"dueling": "true", "dueling_form": "maximum"},
    "dueling, no hidden layers of their own": {"dueling": "true", "dueling_hidden": "false"},
    "noisy": {"noisy": "true"},
    "C51": CATEGORICAL,
    "rainbow": {"network": "nature", "dueling": "true", "noisy": "true", **CATEGORICAL},
    "policy": {"head": "policy", **NORMS},
}
DENSE = {
    "plain": {},
    "deep": {"layers": "[4,3,6,5]"},
    "elu policy": {"activation": "elu", "head": "policy"},
    "dueling by the maximum, elu": {
        "layers": "[7,5]", "dueling": "true", "dueling_form": "maximum", "dueling_hidden": "false", "activation": "elu",
    },
    "noisy C51": {"noisy": "true", **CATEGORICAL},
}  # fmt: skip


def dense_metadata(observations: str, **changes: str) -> dict[str, str]:
    described = {"environment": "cartpole", "observations": observations, "observation_size": "6", "actions": "3"}
    return {"format_version": "1", "network": "mlp", "dueling": "false", "noisy": "false", **described} | changes


def outputs(policy: Policy, observations: np.ndarray) -> np.ndarray:
    return policy.probabilities(observations) if policy.is_stochastic else policy.q_values(observations)


@pytest.mark.parametrize("changes", PICTURES.values(), ids=PICTURES)
def test_networks_on_pictures_equal_a_computation_number_by_number(changes, tmp_path):
    # "nature" leaves nothing of 44 x 44 pixels to its third convolution.
    metadata = picture_metadata(**{"side": "60" if changes.get("network") == "nature" else "44"} | changes)
    path, arrays = write(tmp_path / "a.safetensors", metadata)
    policy = load_policy(path)
    assert policy.observation_shape == (2, int(metadata["side"]), int(metadata["side"]))
    observations = np.random.default_rng(1).integers(256, size=(2, *policy.observation_shape), dtype=np.uint8)
    expected = [expected_outputs(metadata, arrays, observation) for observation in observations]
    found = outputs(policy, observations)
    assert found.shape == (2, 3) and found.dtype == (np.float64 if policy.is_stochastic else np.float32)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    # A network whose outputs are all alike would pass with any arithmetic.
    assert np.ptp(expected) > 0.05
    np.testing.assert_array_equal(outputs(policy, observations[1]).round(5), found[1:].round(5))


@pytest.mark.parametrize("observations", ["numbers", "states"])
@pytest.mark.parametrize("changes", DENSE.values(), ids=DENSE)
def test_dense_networks_equal_a_computation_number_by_number(changes, observations, tmp_path):
    metadata = dense_metadata(observations, **changes)
    path, arrays = write(tmp_path / "a.safetensors", metadata)
    policy = load_policy(path)
    generator = np.random.default_rng(2)
    seen = generator.normal(0, 1, (7, 6)).astype(np.float32) if observations == "numbers" else np.array([5, 0, 3])
    expected = [expected_outputs(metadata, arrays, observation) for observation in seen]
    np.testing.assert_allclose(outputs(policy, seen), expected, rtol=1e-5, atol=1e-5)
    assert np.ptp(expected) > 0.05


def test_many_observations_have_the_values_that_they_have_one_by_one(tmp_path):
    policy = load_policy(write(tmp_path / "a.safetensors", picture_metadata())[0])
    observations = np.random.default_rng(3).integers(256, size=(100, 2, 44, 44), dtype=np.uint8)
    singles = np.concatenate([policy.q_values(observation) for observation in observations])
    np.testing.assert_allclose(policy.q_values(observations), singles, rtol=1e-5, atol=1e-6)
    assert policy.q_values(observations[:0]).shape == (0, 3) and policy.act(observations[:0]).shape == (0,)


@pytest.mark.parametrize("name", EXPECTED)
def test_values_equal_those_that_the_program_wrote_down(name):
    """The files and the values are of `atari-dqn train` and `atari-dqn eval --actions`."""
    policy = load_policy(DATA / f"{name}.safetensors")
    observations, expected = np.array(EXPECTED[name]["observations"]), np.array(EXPECTED[name]["q_values"])
    found = policy.q_values(observations)
    # float32 keeps some 7 digits, and Q-values here go up to 50.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(policy.act(observations), expected.argmax(1))


def test_a_policy_says_what_it_plays(tmp_path):
    policy = load_policy(str(write(tmp_path / "a.safetensors", picture_metadata())[0]))
    assert (policy.game, policy.actions, policy.action_names) == ("breakout", (0, 1, 4), ("NOOP", "FIRE", "LEFT"))
    assert policy.metadata["steps_trained"] == "7" and not policy.is_stochastic
    assert repr(policy) == "<Policy of breakout: network small, 3 actions, 7 steps trained>"
    settings = {"frameskip": 4, "use_fire_reset": True, "full_action_space": False}
    assert policy.vector_settings() == settings | {"stack_num": 2, "img_height": 44, "img_width": 44}
    everything = picture_metadata(actions=json.dumps(list(range(18))), resize="bilinear")
    policy = load_policy(write(tmp_path / "b.safetensors", everything)[0])
    with pytest.raises(ValueError, match="bilinear interpolation, and AtariVectorEnv averages areas"):
        policy.vector_settings()
    cartpole = load_policy(DATA / "cartpole-dueling.safetensors")
    assert (cartpole.game, cartpole.observation_shape, cartpole.actions) == ("cartpole", (4,), (0, 1))
    with pytest.raises(ValueError, match="no Atari game"):
        cartpole.vector_settings()


def test_actions_are_the_first_best_or_random_ones(tmp_path):
    metadata = picture_metadata()
    arrays = network_arrays(metadata, np.random.default_rng(0))
    # Two equal Q-values above a third one, whatever is seen.
    arrays["head.weight"][:] = 0
    arrays["head.bias"][:] = [1, 2, 2]
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors(metadata, arrays))
    policy, observations = load_policy(path), np.zeros((3000, 2, 44, 44), np.uint8)
    single = policy.act(observations[0])
    assert single == 1 and type(single) is int
    actions = policy.act(observations[:3])
    assert actions.dtype == np.int64 and actions.tolist() == [1, 1, 1]
    # A third of random actions is the best one by chance.
    shares = np.bincount(policy.act(observations, 0.6, rng=5), minlength=3) / 3000
    np.testing.assert_allclose(shares, [0.2, 0.6, 0.2], atol=0.04)
    np.testing.assert_array_equal(
        policy.act(observations, 0.6, 5), policy.act(observations, 0.6, np.random.default_rng(5))
    )
    with pytest.raises(ValueError, match="epsilon is 1.5, expected a probability"):
        policy.act(observations, 1.5)
    with pytest.raises(ValueError, match="no probabilities of actions; call q_values"):
        policy.probabilities(observations)


def test_a_stochastic_policy_draws_from_its_probabilities(tmp_path):
    metadata = dense_metadata("numbers", head="policy")
    path, arrays = write(tmp_path / "a.safetensors", metadata)
    policy, seen = load_policy(path), np.ones((20_000, 6), np.float32)
    assert policy.is_stochastic
    expected = expected_outputs(metadata, arrays, seen[0])
    shares = np.bincount(policy.act(seen, rng=1), minlength=3) / len(seen)
    np.testing.assert_allclose(shares, expected, atol=0.02)
    with pytest.raises(ValueError, match="gives probabilities of actions, no Q-values; call probabilities"):
        policy.q_values(seen)


def table_file(path: Path, kind: str, **arrays: list) -> Path:
    described = {"environment": "mdp", "observations": "states", "observation_size": "3", "actions": "2", "table": kind}
    numbers = {name: np.array(values, np.float64) for name, values in arrays.items()}
    path.write_bytes(safetensors({"format_version": "1"} | described, numbers))
    return path


def test_impossible_actions_of_a_table_are_never_taken(tmp_path):
    impossible = -np.inf
    rows = [[impossible, -5.0], [1.0, 2.0], [impossible, impossible]]
    policy = load_policy(table_file(tmp_path / "a.safetensors", "q v", q=rows, v=[-5, 2, 0]))
    assert policy.q_values([0, 1, 2]).tolist() == [[impossible, -5], [1, 2], [0, 0]]
    assert set(policy.act([0] * 100, epsilon=1.0)) == {1} and set(policy.act([1] * 100, epsilon=1.0)) == {0, 1}
    assert policy.act(1) == 1
    double = table_file(tmp_path / "b.safetensors", "q1 q2", q1=rows, q2=[[impossible, 1], [3, 0], rows[2]])
    assert load_policy(double).q_values([0, 1]).tolist() == [[impossible, -2], [2, 1]]


def test_observations_of_another_shape_or_type_are_refused(tmp_path):
    policy = load_policy(write(tmp_path / "a.safetensors", picture_metadata())[0])
    pictures = np.zeros((5, 2, 44, 44), np.uint8)
    for wrong in (pictures[:, :1], pictures[None], np.moveaxis(pictures, 1, -1), pictures[0, 0], 3, []):
        with pytest.raises(ValueError, match=r"have the shape .*, expected \(n, 2, 44, 44\) or \(2, 44, 44\)"):
            policy.q_values(wrong)
    with pytest.raises(TypeError, match="of type float64, expected gray values from 0 to 255 of type uint8"):
        policy.act(pictures / 255)
    numbers = load_policy(DATA / "cartpole-dueling.safetensors")
    with pytest.raises(TypeError, match="expected numbers"):
        numbers.q_values(["a", "b", "c", "d"])
    with pytest.raises(ValueError, match="not finite, so no action is the best"):
        numbers.act([0, 0, np.nan, 0])
    states = load_policy(DATA / "cliff-walking-table.safetensors")
    with pytest.raises(ValueError, match="the states are 3 to 48, expected 0 to 47"):
        states.q_values([3, 48])
    with pytest.raises(TypeError, match="of type float64, expected whole numbers"):
        states.q_values(1.0)


def entry(first: int, end: int, shape: list, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [first, end]}


# Header entries of a network `small`, by what is said of them. Its first array, conv1.weight, fills bytes 0 to 1536.
HEADERS = {
    "lies at bytes 0 to 99,999,999, and": {"conv1.weight": entry(0, 99_999_999, [24_999_999])},
    "lies at bytes 8 to 0": {"conv1.weight": entry(8, 0, [2])},
    "which does not fill bytes 0 to 1,536": {"conv1.weight": entry(0, 1536, [3, 2, 8, 9])},
    "conv1.weight` is float32 .3, 2, 64., expected float32 .any, 2, 8, 8": {"conv1.weight": entry(0, 1536, [3, 2, 64])},
    "expected 1 to 8 sizes above 0 and two offsets": {"conv1.weight": entry(0, 1536, [-3, 2, 8, -8])},
    "the shape 3 and": {"conv1.weight": entry(0, 1536, 3)},
    "the shape .True. and": {"conv1.weight": entry(0, 4, [True])},
    "the offsets .0., expected two": {"conv1.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0]}},
    "`conv1.weight` has no dtype, shape and offsets": {"conv1.weight": "F32"},
    "`conv1.weight` is BF16, and networks of atari-dqn are F32": {"conv1.weight": entry(0, 1536, [768], "BF16")},
    "`conv1.weight` is float64": {"conv1.weight": entry(0, 1536, [192], "F64")},
    "`conv1.weight` leaves a gap after the header": {"conv1.weight": entry(4, 1536, [383])},
    "`conv1.bias` overlaps `conv1.weight`": {"conv1.bias": entry(1532, 1548, [4])},
    "`conv0` overlaps `conv1.weight`": {"conv0": entry(0, 1540, [385])},
    "its metadata are not all text": {"__metadata__": {"format_version": 1}},
    "its metadata lack `format_version`": {"__metadata__": {}},
}


@pytest.mark.parametrize("said", HEADERS)
def test_headers_that_cannot_be_are_refused(said, tmp_path):
    metadata = picture_metadata()
    arrays = network_arrays(metadata, np.random.default_rng(0))
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors(metadata, arrays, **HEADERS[said]))
    with pytest.raises(ValueError, match=f"a.safetensors cannot be played: .*{said}"):
        load_policy(path)


# Changes of a network's metadata, by what is said of them.
METADATA = {
    "its format version is 2, and this package reads version 1": {"format_version": "2"},
    "`network` = `transformer`; this package plays nature, nips, small, cpu, mlp": {"network": "transformer"},
    "`activation` = `tanh`; this package plays relu, elu": {"activation": "tanh"},
    "`dueling` = `maybe`; this package plays true, false": {"dueling": "maybe"},
    "`head` = `quantiles`; this package plays policy": {"head": "quantiles"},
    "`norm` = `batch`; this package plays none, channels": {"norm": "batch"},
    "`norm_epsilon` = `0`, expected a number above 0": {"norm": "channels", "norm_epsilon": "0"},
    "its metadata lack `norm_epsilon`": {"norm": "channels"},
    "it lacks `conv1_norm.weight`": {"norm": "channels", "norm_epsilon": "1e-6"},
    "it lacks `value_fc.weight`": {"dueling": "true"},
    "it lacks `fc.weight_sigma`": {"noisy": "true"},
    "it lacks `conv3.weight`": {"network": "nature"},
    "it holds `conv1.bias`, which a network `mlp`": {"network": "mlp", "side": "4"},
    "`conv1.weight` is float32 .3, 2, 8, 8., expected float32 .any, 3, 8, 8": {"stack": "3"},
    "`head.weight` is float32 .3, 5., expected float32 .12, 5": CATEGORICAL,
    "`atoms` = `1`, expected a whole number from 2 to 100,000": {"atoms": "1"},
    "`atoms` = `1e9`": {"atoms": "1e9"},
    "returns from 2.0 to 1.0": {"atoms": "2", "value_min": "2", "value_max": "1"},
    "`value_max` = `1e99`, expected a number that float32 can hold": CATEGORICAL | {"value_max": "1e99"},
    "`value_max` = `NaN`": CATEGORICAL | {"value_max": "NaN"},
    "`actions` = `.0,1,18.`, expected a list of numbers from 0 to 17": {"actions": "[0,1,18]"},
    "`actions` = `.0,1,1.`, which names one twice": {"actions": "[0,1,1]"},
    "`actions` = `..`": {"actions": "[]"},
    "`actions` = `three`, which is not JSON": {"actions": "three"},
    "`side` = `0`": {"side": "0"},
    "`side` = `99999`": {"side": "99999"},
    "its metadata lack `observations`": {"environment": "cartpole", "actions": "3", "observation_size": "4"},
    "it holds `conv1.bias`, and its table consists of q": {
        "table": "q", "environment": "a", "actions": "3", "observations": "states", "observation_size": "4",
    },
    "states and 3 actions, which are too many": {
        "table": "q", "environment": "a", "actions": "3", "observations": "states", "observation_size": "50000000",
    },
    "to the power of 2 states, which are too many": {
        "table": "q", "environment": "a", "actions": "3", "observations": "numbers", "observation_size": "2",
        "table_edges": "40000000", "table_limits": "1 2",
    },
    "`table_limits` = `1 -2`, expected 2 numbers above 0": {
        "table": "q", "environment": "a", "actions": "3", "observations": "numbers", "observation_size": "2",
        "table_edges": "4", "table_limits": "1 -2",
    },
    "`table` = `z`; this package plays q, q1 q2, q v": {
        "table": "z", "environment": "a", "actions": "3", "observations": "states", "observation_size": "4",
    },
    "values of states, which choose no action; tables of action values work": {
        "table": "possible v", "environment": "a", "actions": "3", "observations": "states", "observation_size": "4",
    },
    "convolutions, and its observations are .4,., no pictures": {
        "environment": "a", "actions": "3", "observations": "numbers", "observation_size": "4",
    },
}  # fmt: skip


@pytest.mark.parametrize("said", METADATA)
def test_metadata_that_do_not_fit_are_refused(said, tmp_path):
    arrays = network_arrays(picture_metadata(), np.random.default_rng(0))
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors(picture_metadata(**METADATA[said]), arrays))
    with pytest.raises(ValueError, match=said):
        load_policy(path)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["conv2.bias", "fc.weight", "head.weight"])
def test_parameters_that_are_not_finite_are_refused_by_name(name, number, tmp_path):
    arrays = network_arrays(picture_metadata(), np.random.default_rng(0))
    arrays[name].flat[-1] = number
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors(picture_metadata(), arrays))
    with pytest.raises(ValueError, match=f"`{name}` holds a number that is not finite"):
        load_policy(path)


def test_values_of_a_table_are_finite_or_impossible(tmp_path):
    for number in (np.nan, np.inf):
        with pytest.raises(ValueError, match="`q` holds a number that is not finite"):
            load_policy(table_file(tmp_path / "a.safetensors", "q", q=[[number, 0]] * 3))
    with pytest.raises(ValueError, match="`v` holds a number that is not finite"):
        load_policy(table_file(tmp_path / "a.safetensors", "q v", q=[[0, 0]] * 3, v=[0, 0, -np.inf]))
    with pytest.raises(ValueError, match="it lacks `q`"):
        load_policy(table_file(tmp_path / "a.safetensors", "q v", v=[0, 0, 0]))
    with pytest.raises(ValueError, match="it holds `v`, and its table consists of q"):
        load_policy(table_file(tmp_path / "a.safetensors", "q", q=[[0, 0]] * 3, v=[0, 0, 0]))


def test_damaged_files_are_refused(tmp_path):
    path, _ = write(tmp_path / "a.safetensors", picture_metadata())
    whole = path.read_bytes()
    path.write_bytes(whole + b"abc")
    with pytest.raises(ValueError, match="3 bytes follow the last array"):
        load_policy(path)
    nested = b"[" * 100_000
    damaged = [b"", b"abc", whole[:8], whole[:200], whole[:-1], whole + b"\0", b"\xff" * 100, b"PK" * 50]
    damaged += [len(text).to_bytes(8, "little") + text for text in (b"[1]", b"{", b"\xff\xfe", nested, b"{}")]
    for content in damaged:
        path.write_bytes(content)
        with pytest.raises(ValueError, match="a.safetensors cannot be played"):
            load_policy(path)


def test_damaged_bytes_give_a_policy_or_a_value_error(tmp_path):
    path, _ = write(tmp_path / "a.safetensors", picture_metadata())
    whole = path.read_bytes()
    generator = np.random.default_rng(4)
    header = 8 + int.from_bytes(whole[:8], "little")
    refused = 0
    for _ in range(500):
        content = bytearray(whole)
        for place in generator.integers(header, size=generator.integers(1, 4)):
            content[place] = generator.integers(256)
        path.write_bytes(content)
        try:
            load_policy(path)
        except ValueError:
            refused += 1
    assert refused > 250


def test_a_missing_file_says_what_is_wanted(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no .*nothing.safetensors; give a run folder"):
        load_policy(tmp_path / "nothing.safetensors")
    with pytest.raises(FileNotFoundError, match="holds neither best.safetensors nor model.safetensors"):
        load_policy(tmp_path)


def test_a_run_folder_stands_for_its_best_network_unless_too_few_games_chose_it(tmp_path):
    write(tmp_path / "model.safetensors", picture_metadata(steps_trained="1"))
    assert load_policy(tmp_path).metadata["steps_trained"] == "1"
    best = picture_metadata(steps_trained="2")
    for games, expected in [(None, "2"), ("10", "2"), ("9", "1")]:
        write(tmp_path / "best.safetensors", best if games is None else best | {"chosen_games": games})
        assert load_policy(tmp_path).metadata["steps_trained"] == expected
    (tmp_path / "model.safetensors").unlink()
    assert load_policy(tmp_path).metadata["steps_trained"] == "2"


# (preset, settings of a training of some hundred steps) of networks that differ.
DQN = ["learning_starts_steps=100", "target_sync_steps=50", "replay_capacity=2000"]
RUNS = {
    "nature": ("nature", [*DQN, "epsilon_starts_steps=100", "epsilon_anneal_steps=100"]),
    "rainbow": ("rainbow", DQN),
    "dueling": ("bricks", [*DQN, "epsilon_anneal_steps=100", "network=cpu", "activation=elu"]),
    "norms": ("pqn", ["num_envs=8", "horizon=8", "minibatch_size=16", "learning_rate=2e-3"]),
}


@pytest.fixture(scope="module")
def program() -> Path:
    """The program whose networks are played: $ATARI_DQN_BINARY."""
    named = os.environ.get("ATARI_DQN_BINARY")
    if not named:
        pytest.skip("ATARI_DQN_BINARY does not name the program atari-dqn, which trains the networks of this test")
    assert Path(named).is_file(), f"ATARI_DQN_BINARY is {named}, which is no file"
    return Path(named).resolve()


@pytest.mark.parametrize("name", RUNS)
def test_networks_that_the_program_trains_have_its_q_values(name, program, tmp_path):
    preset, settings = RUNS[name]
    train = ["train", "--preset", preset, "--steps", "300", "--run-dir", "run", "--device", "cpu"]
    for setting in [*settings, "final_evaluation_episodes=0"]:
        train += ["--set", setting]
    evaluate = ["eval", "run", "--episodes", "1", "--epsilon", "0.3", "--max-episode-frames", "1200", "--device", "cpu"]
    for arguments in (train, [*evaluate, "--actions", "actions.csv", "--json", "report.json"]):
        done = subprocess.run([program, *arguments], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    policy = load_policy(tmp_path / "run")
    [report] = json.loads((tmp_path / "report.json").read_text())
    with open(tmp_path / "actions.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    actions = [int(row["action"]) for row in rows]
    pictures = replayed(actions, report["episodes"][0]["noops"], policy.metadata["fire_reset"] == "true", tmp_path)
    assert [zlib.crc32(picture) for picture in pictures] == [int(row["observation_crc32"], 16) for row in rows]
    expected = np.array([[float(value) for value in row["q_values"].split()] for row in rows])
    assert len(expected) > 100
    np.testing.assert_allclose(policy.q_values(pictures), expected, rtol=0, atol=1e-4)


def replayed(actions: list[int], noops: int, fire_reset: bool, folder: Path) -> np.ndarray:
    """The observations of a game of bricks that the program has played with seed 0, played again by the oracle."""
    ale_py = pytest.importorskip("ale_py")
    cv2 = pytest.importorskip("cv2")
    # ale-py plays what it does not know by the rules of the game that has its file's name.
    cartridge = folder / "breakout.bin"
    shutil.copy(ROOT / "emulator/cartridges/bricks.bin", cartridge)
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    ale = ale_py.ALEInterface()
    ale.setInt("random_seed", 0)
    ale.setFloat("repeat_action_probability", 0.0)
    ale.loadROM(str(cartridge))
    ale.reset_game()
    if fire_reset:
        ale.act(1)
    for _ in range(noops):
        ale.act(0)
    stack = np.zeros((4, 84, 84), np.uint8)
    pictures = []
    last_but_one = ale.getScreenGrayscale() * 0
    for action in actions:
        pooled = np.maximum(ale.getScreenGrayscale(), last_but_one)
        stack[:-1] = stack[1:]
        stack[-1] = cv2.resize(pooled, (84, 84), interpolation=cv2.INTER_AREA)
        pictures.append(stack.copy())
        for frame in range(4):
            ale.act(action)
            if frame == 2:
                last_but_one = ale.getScreenGrayscale()
    return np.array(pictures)
