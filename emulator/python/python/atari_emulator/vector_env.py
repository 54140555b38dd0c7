"""`AtariVectorEnv`: many environments of one game as a Gymnasium vector environment, stepped by native threads."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import error
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from atari_emulator import roms
from atari_emulator._ale_py import Action, ALEVectorInterface

__all__ = ["AtariVectorEnv"]

_INDICES = (np.dtype(np.int64), np.dtype(np.int32))


class AtariVectorEnv(VectorEnv):
    """Environments of one game, preprocessed as usual: frame skip, maximum of two screens, resize, stack, clipping.

    Observations are uint8 arrays of shape (batch_size, stack_num, img_height, img_width), in color with a last axis of
    3, oldest frame first. Rewards are int32, terminations and truncations bool, and the info has int32 arrays `env_id`,
    `lives`, `frame_number` and `episode_frame_number`, all of shape (batch_size,). Every call returns new arrays.

    With `batch_size` smaller than `num_envs`, `reset` and `step` return the results of `batch_size` environments while
    the others are at work. `info["env_id"]` says which, and the next actions are for these. Results come in the order
    in which their actions were sent, so the same seeds and actions give the same batches, with any number of threads.

    Args:
        game: Name of the cartridge in snake case, for instance "ms_pacman".
        num_envs: Number of environments.
        batch_size: Environments in a batch, at most `num_envs`; 0 means all.
        num_threads: Threads that step them; 0 means one for each core, but never more than environments. It makes no
            difference to the results.
        thread_affinity_offset: Without effect; the operating system places the threads.
        max_num_frames_per_episode: Frames after which an episode is truncated.
        repeat_action_probability: Probability, in every frame, that the previous action is repeated.
        full_action_space: Whether all actions of the console are offered, not only those that matter to the game.
        continuous: Whether actions are positions of an analog stick: radius 0 to 1, angle -pi to pi, fire 0 to 1, a
            float32 array of shape (batch_size, 3). In skiing and lost_luggage, which know nine actions, the number of
            the resulting joystick action is used as an index into the nine, as ale-py does; numbers above 8, for which
            ale-py waits for ever, do nothing.
        continuous_action_threshold: How far the stick must be pushed along an axis, or the button pressed, to count.
        autoreset_mode: How the next episode begins after one has ended: `AutoresetMode.NEXT_STEP` (the next step
            ignores the action and resets) or `SAME_STEP` (the step itself resets), or their values. With `SAME_STEP`
            the info of steps with a termination or truncation has `final_obs`: the last observations of the episodes
            that ended, and the observations of the others.
        img_height: Rows of an observation.
        img_width: Columns of an observation.
        grayscale: One gray value for each pixel; otherwise red, green and blue.
        stack_num: Frames in an observation.
        frameskip: Frames an action is held for.
        maxpool: Whether a frame is the pixelwise maximum of the last two screens.
        noop_max: An episode starts with fewer frames than this without input.
        episodic_life: Whether a lost life ends the episode.
        life_loss_info: Whether a lost life sets the termination flag without ending the episode.
        reward_clipping: Whether rewards are clipped to -1, 0 or 1.
        use_fire_reset: Whether FIRE is pressed at the start of an episode.

    Raises:
        gymnasium.error.Error: `frameskip` is not an int above 0.
        AssertionError: There is no cartridge of that name.
        TypeError: An argument has the wrong type.
        ValueError: A number is out of range, or there is no such autoreset mode.
    """

    def __init__(
        self,
        game: str,
        num_envs: int,
        *,
        batch_size: int = 0,
        num_threads: int = 0,
        thread_affinity_offset: int = -1,
        max_num_frames_per_episode: int = 108000,
        repeat_action_probability: float = 0.0,
        full_action_space: bool = False,
        continuous: bool = False,
        continuous_action_threshold: float = 0.5,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        img_height: int = 84,
        img_width: int = 84,
        grayscale: bool = True,
        stack_num: int = 4,
        frameskip: int = 4,
        maxpool: bool = True,
        noop_max: int = 30,
        episodic_life: bool = False,
        life_loss_info: bool = False,
        reward_clipping: bool = True,
        use_fire_reset: bool = True,
    ) -> None:
        if type(frameskip) is not int:
            raise error.Error(f"Invalid frameskip type: {type(frameskip)}.")
        if frameskip <= 0:
            raise error.Error(f"Invalid frameskip of {frameskip}, frameskip must be positive.")
        rom_path = roms.get_rom_path(game)
        if rom_path is None:
            raise AssertionError(
                f'{game} is not a ROM name, it should be snake_case not camel-case, i.e., "ms_pacman" not "MsPacman"'
            )
        mode = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        self.ale = ALEVectorInterface(
            rom_path=rom_path,
            num_envs=num_envs,
            frame_skip=frameskip,
            stack_num=stack_num,
            img_height=img_height,
            img_width=img_width,
            grayscale=grayscale,
            maxpool=maxpool,
            noop_max=noop_max,
            use_fire_reset=use_fire_reset,
            episodic_life=episodic_life,
            life_loss_info=life_loss_info,
            reward_clipping=reward_clipping,
            max_episode_steps=max_num_frames_per_episode,
            repeat_action_probability=repeat_action_probability,
            # Not `or`: what is no bool is to be refused.
            full_action_space=continuous if continuous is not False else full_action_space,
            batch_size=batch_size,
            num_threads=num_threads,
            thread_affinity_offset=thread_affinity_offset,
            autoreset_mode=mode,
        )
        self.num_envs = num_envs
        self.batch_size = batch_size or num_envs
        self.autoreset_mode = AutoresetMode(mode)
        # One of its own: the class's is shared with all vector environments.
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.continuous = continuous
        self.continuous_action_threshold = continuous_action_threshold
        self.grayscale = grayscale
        self.map_action_idx = _map_of_actions()
        self._num_actions = len(self.ale.get_action_set())

        self.single_observation_space = Box(0, 255, self.ale.get_observation_shape(), np.uint8)
        if continuous:
            self.single_action_space = Box(
                np.array([0.0, -np.pi, 0.0], np.float32), np.array([1.0, np.pi, 1.0], np.float32), dtype=np.float32
            )
        else:
            self.single_action_space = Discrete(self._num_actions)
        self.observation_space = batch_space(self.single_observation_space, self.batch_size)
        self.action_space = batch_space(self.single_action_space, self.batch_size)

    def reset(
        self, *, seed: int | np.ndarray | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Starts new episodes.

        Args:
            seed: An int for the first environment, the following ones get the following numbers; or an array of ints
                with one entry for each environment that is reset. Negative numbers are no seeds: the generators go on.
            options: `{"reset_mask": mask}` resets only the environments whose entry in the bool array of shape
                (num_envs,) is set; the others show their last observation. Not for the first reset, and not with a
                `batch_size` smaller than `num_envs`.

        Returns:
            The observations and the info of the first batch.

        Raises:
            TypeError: The seed or the mask has the wrong type, or a seed is no C int.
            ValueError: The seed or the mask has the wrong shape, or some environments cannot be reset alone.
            RuntimeError: The first reset is not of all environments, or batches were sent and not received.
        """
        env_ids = self._to_be_reset(options)
        if seed is None:
            seeds: Any = [-1] * len(env_ids)
        elif isinstance(seed, int):
            seeds = range(seed, seed + len(env_ids))
        elif isinstance(seed, np.ndarray):
            expected = (len(env_ids),)
            if seed.shape != expected:
                raise ValueError(
                    f"`seed` must have one entry per sub-environment being reset, expected shape {expected}, "
                    f"got {seed.shape}"
                )
            seeds = seed
        else:
            raise TypeError(f"Unsupported seed type {type(seed)}, expected is an int, a numpy array of ints or None")
        return self.ale.reset(env_ids, seeds)

    def _to_be_reset(self, options: dict[str, Any] | None) -> np.ndarray:
        """The numbers of the environments that a reset with these options is for."""
        if options is None or "reset_mask" not in options:
            return np.arange(self.num_envs)
        mask = options["reset_mask"]
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            dtype = getattr(mask, "dtype", None)
            raise TypeError(f"`reset_mask` must be a boolean numpy array, got {type(mask)} with dtype {dtype}")
        if mask.shape != (self.num_envs,):
            raise ValueError(f"`reset_mask` must have shape {(self.num_envs,)}, got {mask.shape}")
        return np.flatnonzero(mask)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """`send`, then `recv`.

        Args:
            actions: One action for each environment of the last batch: an int64 or int32 array of shape (batch_size,),
                with continuous actions a float32 array of shape (batch_size, 3).

        Returns:
            The observations, rewards, terminations, truncations and the info of the next batch.

        Raises:
            AssertionError: The actions have the wrong type or shape.
            ValueError: An action is out of range.
            RuntimeError: The environments were not reset.
        """
        return self.ale.step(*self._indices_and_strengths(actions))

    def send(self, actions: np.ndarray) -> None:
        """Has the environments of the last batch take these actions in the background; `step` describes them."""
        self.ale.send(*self._indices_and_strengths(actions))

    def recv(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Waits for the next batch and returns it as `step` does. Raises RuntimeError if nothing was sent."""
        return self.ale.recv()

    def step_into(
        self,
        actions: np.ndarray,
        *,
        observations: np.ndarray,
        rewards: np.ndarray,
        terminations: np.ndarray,
        truncations: np.ndarray,
        final_observations: np.ndarray | None = None,
        env_ids: np.ndarray | None = None,
        lives: np.ndarray | None = None,
    ) -> None:
        """One step, with the results written into arrays of the caller, for instance a row of a rollout's storage.

        Args:
            actions: As for `step`.
            observations: uint8, C-contiguous, of shape (batch_size, stack_num, img_height, img_width), in color with a
                last axis of 3.
            rewards: int32 or float32 of shape (batch_size,).
            terminations: bool of shape (batch_size,).
            truncations: bool of shape (batch_size,).
            final_observations: Like `observations`. With `SAME_STEP` the rows of environments that are terminated or
                truncated get the last observation of the episode, the others are left as they are.
            env_ids: int32 of shape (batch_size,).
            lives: int32 of shape (batch_size,).

        Raises:
            TypeError: An array has the wrong type.
            ValueError: An array has the wrong shape or is not contiguous.
        """
        indices, strengths = self._indices_and_strengths(actions)
        self.ale.step_into(
            indices,
            observations,
            rewards,
            terminations,
            truncations,
            strengths,
            final_observations,
            env_ids,
            lives,
        )

    def xla(self) -> tuple[Any, Any, Any]:
        """Functions for JAX: `(handle, reset, step)`, usable under `jax.jit` and in `jax.lax.scan`.

        `reset(handle, seed=None, reset_mask=None)` returns `(handle, (observations, info))`, and `step(handle,
        actions)` returns `(handle, (observations, rewards, terminations, truncations, info))`, with arrays of JAX. They
        call this object back from the compiled program, in the program's order.

        Raises:
            gymnasium.error.DependencyNotInstalled: jax or chex is missing.
            AssertionError: The autoreset mode is not `NEXT_STEP`.
        """
        from atari_emulator import xla

        return xla.functions(self)

    def _indices_and_strengths(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Indices into the action set, and how far the sticks are pushed (None: as far as usual)."""
        if not self.continuous:
            if not isinstance(actions, np.ndarray) or actions.dtype not in _INDICES:
                raise AssertionError(f"actions must be a numpy array of int64 or int32, got {_type_of(actions)}")
            if actions.shape != (self.batch_size,):
                raise AssertionError(f"{actions.shape=}, {self.batch_size=}")
            return actions, None
        expected = (self.batch_size, 3)
        if not isinstance(actions, np.ndarray) or actions.dtype != np.float32 or actions.shape != expected:
            raise AssertionError(f"actions must be a float32 numpy array of shape {expected}, got {_type_of(actions)}")
        radius, angle, fire = actions.T
        threshold = self.continuous_action_threshold
        x, y = radius * np.cos(angle), radius * np.sin(angle)
        horizontal = (x > threshold).astype(np.intp) - (x < -threshold)
        vertical = (y > threshold).astype(np.intp) - (y < -threshold)
        indices = self.map_action_idx[horizontal + 1, vertical + 1, (fire > threshold).astype(np.intp)]
        return np.where(indices < self._num_actions, indices, Action.NOOP.value), radius


def _map_of_actions() -> np.ndarray:
    """Numbers of joystick actions by horizontal (left, center, right), vertical (down, center, up) and fire (no, yes).

    An int32 array of shape (3, 3, 2).
    """
    names = [
        f"{vertical}{horizontal}{fire}" or "NOOP"
        for horizontal in ("LEFT", "", "RIGHT")
        for vertical in ("DOWN", "", "UP")
        for fire in ("", "FIRE")
    ]
    return np.array([Action[name].value for name in names], np.int32).reshape(3, 3, 2)


def _type_of(actions: object) -> str:
    if isinstance(actions, np.ndarray):
        return f"{actions.dtype} of shape {actions.shape}"
    return str(type(actions))
