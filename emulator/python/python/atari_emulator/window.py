"""The window of `render_mode="human"`, drawn with pygame as those of Gymnasium's own environments are."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.error import DependencyNotInstalled, Error

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Frames a second of the two television systems. Games for PAL, and they only, have pictures of 250 rows.
_NTSC_FPS, _PAL_FPS, _PAL_HEIGHT = 60, 50, 250

#: The window's pixels for each of the picture's, which a television shows twice as wide as high.
_ACROSS, _DOWN = 6, 3


class Window:
    """A window that opens with the first picture and shows each for as long as a television would. It has no sound."""

    def __init__(self, title: str):
        """
        Raises:
            DependencyNotInstalled: pygame is not installed.
        """
        if importlib.util.find_spec("pygame") is None:
            raise DependencyNotInstalled(
                'pygame is not installed; render_mode="human" needs it for its window: `pip install pygame`, or make '
                'the environment with render_mode="rgb_array" and show what render() returns'
            )
        self._title = title
        self._clock: Any = None
        self._closed_by_user = False

    def show(self, picture: NDArray[np.uint8]) -> None:
        """Shows an RGB picture of (height, width, 3), and waits until the next one is due.

        Does nothing after the user closed the window.

        Raises:
            gymnasium.error.Error: There is no screen to show a window on.
        """
        if self._closed_by_user:
            return
        pygame = _pygame()
        height, width, _ = picture.shape
        # There is one window in a process, which others may have closed.
        if self._clock is None or pygame.display.get_surface() is None:
            self._open(pygame, (width * _ACROSS, height * _DOWN))
        # Other events are left to the program, which may be played with the keyboard.
        if pygame.event.get(pygame.QUIT):
            self._closed_by_user = True
            self.close()
            return
        frame = pygame.surfarray.make_surface(picture.swapaxes(0, 1))
        window = pygame.display.get_surface()
        window.blit(pygame.transform.scale(frame, window.get_size()), (0, 0))
        pygame.display.flip()
        self._clock.tick(_PAL_FPS if height == _PAL_HEIGHT else _NTSC_FPS)

    def _open(self, pygame: Any, size: tuple[int, int]) -> None:
        try:
            pygame.display.init()
            pygame.display.set_caption(self._title)
            pygame.display.set_mode(size, pygame.RESIZABLE)
        except pygame.error as problem:
            raise Error(
                f'render_mode="human" could not open a window: {problem}. Where there is no screen, use '
                'render_mode="rgb_array", or set SDL_VIDEODRIVER=dummy for a window that nobody sees'
            ) from problem
        self._clock = pygame.time.Clock()

    def close(self) -> None:
        """Closes the window. The next picture opens it again, unless the user closed it."""
        if self._clock is not None:
            _pygame().display.quit()
            self._clock = None


def _pygame() -> Any:
    # pygame greets on stdout when it is imported.
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    import pygame

    return pygame
