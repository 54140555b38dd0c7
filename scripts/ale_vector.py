"""Steps ale-py's AtariVectorEnv and prints the lines of `atari-dqn trace --vector`.

Used by scripts/compare_with_ale.py. Needs ale-py, gymnasium and numpy.

ale-py hangs on an action that is out of range, so call this in a process that can be killed.
"""

import zlib

HEADER = (
    "step,env,reward,terminated,truncated,lives,frame_number,episode_frame_number,"
    "observation_crc32,final_observation_crc32"
)

# Keyword of AtariVectorEnv -> its default, and the corresponding flags of `atari-dqn trace`.
_FLAGS = {
    "num_threads": (0, lambda value: ["--threads", value]),
    "max_num_frames_per_episode": (108000, lambda value: ["--max-frames", value]),
    "repeat_action_probability": (0.0, lambda value: ["--sticky", value]),
    "full_action_space": (False, lambda value: ["--full-action-space"] * value),
    "img_height": (84, lambda value: ["--img-height", value]),
    "img_width": (84, lambda value: ["--img-width", value]),
    "grayscale": (True, lambda value: ["--rgb"] * (not value)),
    "stack_num": (4, lambda value: ["--stack", value]),
    "frameskip": (4, lambda value: ["--frame-skip", value]),
    "maxpool": (True, lambda value: ["--no-maxpool"] * (not value)),
    "noop_max": (30, lambda value: ["--noop-max", value]),
    "episodic_life": (False, lambda value: ["--episodic-life"] * value),
    "life_loss_info": (False, lambda value: ["--life-loss-info"] * value),
    "reward_clipping": (True, lambda value: ["--no-clip"] * (not value)),
    "use_fire_reset": (True, lambda value: ["--no-fire-reset"] * (not value)),
    "autoreset_mode": ("NextStep", lambda value: ["--same-step"] * (value == "SameStep")),
}


def trace_flags(settings):
    """Flags that make `atari-dqn trace` behave like AtariVectorEnv with `settings`: its keywords, including `num_envs`, and
    `seed`, the seed of the first reset."""
    flags = ["--vector", settings["num_envs"], "--seed", settings.get("seed", 0)]
    if settings.get("continuous"):
        flags += ["--continuous", settings.get("continuous_action_threshold", 0.5)]
    for keyword, (default, flag) in _FLAGS.items():
        flags += flag(settings.get(keyword, default))
    unknown = set(settings) - set(_FLAGS) - {"num_envs", "seed", "continuous", "continuous_action_threshold"}
    if unknown:
        raise ValueError(f"`atari-dqn trace` has no flag for {', '.join(sorted(unknown))}")
    return [str(flag) for flag in flags]


def action_text(row):
    """The line of the action file for `row` (see `vector_lines`)."""
    if row[0] == "reset":
        _, mask, seeds = row
        return " ".join(["reset", *(str(int(flag)) for flag in mask), *map(str, seeds or [])])
    return " ".join(str(part) for action in row for part in (action if isinstance(action, tuple) else (action,)))


def make(rom_or_name, settings):
    """An AtariVectorEnv of a game by name, or of a cartridge file whose stem is a game's name."""
    import ale_py
    import ale_py.roms
    from ale_py.vector_env import AtariVectorEnv

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    keywords = {keyword: value for keyword, value in settings.items() if keyword != "seed"}
    path = str(rom_or_name)
    if not path.endswith(".bin"):
        return AtariVectorEnv(path, **keywords)
    # AtariVectorEnv accepts names only and gets the file from this function.
    original = ale_py.roms.get_rom_path
    ale_py.roms.get_rom_path = lambda name: path
    try:
        return AtariVectorEnv(path, **keywords)
    finally:
        ale_py.roms.get_rom_path = original


def vector_lines(envs, action_rows, settings):
    """Generates the lines of the trace, header first. `envs` comes from `make` with the same `settings`.

    A row is a list with one action per environment: an index, or with `continuous` a tuple (radius, angle, fire). The row
    ("reset", mask, seeds) resets the environments whose entry in `mask` is true; `seeds` has one seed for each of them, or is
    None.
    """
    import numpy

    writer = _Writer()
    yield HEADER
    observations, info = envs.reset(seed=settings.get("seed", 0))
    none = [0] * envs.num_envs
    yield from writer.lines(0, observations, none, none, none, info)
    for step, row in enumerate(action_rows, 1):
        if row[0] == "reset":
            _, mask, seeds = row
            seeds = None if seeds is None else numpy.array(seeds)
            observations, info = envs.reset(seed=seeds, options={"reset_mask": numpy.array(mask, dtype=bool)})
            yield from writer.lines(step, observations, none, none, none, info)
        else:
            actions = numpy.array(row, numpy.float32 if settings.get("continuous") else numpy.int64)
            yield from writer.lines(step, *envs.step(actions))


class _Writer:
    """Writes lines, and remembers where episodes started to recognize their ends."""

    def __init__(self):
        self.episode_starts = {}

    def lines(self, step, observations, rewards, terminated, truncated, info):
        finals = info.get("final_obs")
        for row, env in enumerate(info["env_id"]):
            frame, episode_frame = int(info["frame_number"][row]), int(info["episode_frame_number"][row])
            # ale-py may flag a lost life without an end of the episode; the final observation is uninitialized memory then.
            # An episode has ended only if its first frame's number changed.
            restarted = frame - episode_frame != self.episode_starts.get(env)
            self.episode_starts[env] = frame - episode_frame
            last = f"{zlib.crc32(finals[row]):08x}" if finals is not None and restarted else "-"
            yield (
                f"{step},{env},{int(rewards[row])},{int(terminated[row])},{int(truncated[row])},{info['lives'][row]},"
                f"{frame},{episode_frame},{zlib.crc32(observations[row]):08x},{last}"
            )
