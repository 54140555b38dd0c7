"""What ale-py's AtariVectorEnv says, in the lines of `atari-dqn trace --vector`.

For scripts/compare_with_ale.py. Needs ale-py and gymnasium, and numpy.

ale-py waits forever for an environment whose action is out of range, so call this in a process that can be ended.
"""

import zlib

HEADER = (
    "step,env,reward,terminated,truncated,lives,frame_number,episode_frame_number,"
    "observation_crc32,final_observation_crc32"
)

# Keyword of AtariVectorEnv -> its default, and what says it to `atari-dqn trace`.
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
    """The flags with which `atari-dqn trace` behaves as AtariVectorEnv does with `settings`: its keywords, `num_envs`
    among them, and `seed`, that of the first reset."""
    flags = ["--vector", settings["num_envs"], "--seed", settings.get("seed", 0)]
    if settings.get("continuous"):
        flags += ["--continuous", settings.get("continuous_action_threshold", 0.5)]
    for keyword, (default, flag) in _FLAGS.items():
        flags += flag(settings.get(keyword, default))
    unknown = set(settings) - set(_FLAGS) - {"num_envs", "seed", "continuous", "continuous_action_threshold"}
    if unknown:
        raise ValueError(f"no flag says {', '.join(sorted(unknown))}")
    return [str(flag) for flag in flags]


def action_text(row):
    """The line of the action file that says `row`: see `vector_lines`."""
    if row[0] == "reset":
        _, mask, seeds = row
        return " ".join(["reset", *(str(int(flag)) for flag in mask), *map(str, seeds or [])])
    return " ".join(str(part) for action in row for part in (action if isinstance(action, tuple) else (action,)))


def make(rom_or_name, settings):
    """An AtariVectorEnv of the game with this name, or of this cartridge file, whose stem must then be a game's name."""
    import ale_py
    import ale_py.roms
    from ale_py.vector_env import AtariVectorEnv

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    keywords = {keyword: value for keyword, value in settings.items() if keyword != "seed"}
    path = str(rom_or_name)
    if not path.endswith(".bin"):
        return AtariVectorEnv(path, **keywords)
    # AtariVectorEnv takes names only and asks this function for the file.
    original = ale_py.roms.get_rom_path
    ale_py.roms.get_rom_path = lambda name: path
    try:
        return AtariVectorEnv(path, **keywords)
    finally:
        ale_py.roms.get_rom_path = original


def vector_lines(envs, action_rows, settings):
    """Generates the lines of the trace, header first; `envs` is what `make` made with `settings`.

    A row is a list with one action for each environment: an index, or with `continuous` a tuple (radius, angle, fire).
    The row ("reset", mask, seeds) resets the environments with a true value in `mask`; `seeds` has one for each of them,
    or is None.
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
    """Writes lines and keeps what it takes to know which episodes have ended."""

    def __init__(self):
        self.episode_starts = {}

    def lines(self, step, observations, rewards, terminated, truncated, info):
        finals = info.get("final_obs")
        for row, env in enumerate(info["env_id"]):
            frame, episode_frame = int(info["frame_number"][row]), int(info["episode_frame_number"][row])
            # A lost life may be flagged without an end, and then the row of the final observation is uninitialised memory.
            # The frame at which the episode started is another one after every reset.
            started_anew = frame - episode_frame != self.episode_starts.get(env)
            self.episode_starts[env] = frame - episode_frame
            last = f"{zlib.crc32(finals[row]):08x}" if finals is not None and started_anew else "-"
            yield (
                f"{step},{env},{int(rewards[row])},{int(terminated[row])},{int(truncated[row])},{info['lives'][row]},"
                f"{frame},{episode_frame},{zlib.crc32(observations[row]):08x},{last}"
            )
