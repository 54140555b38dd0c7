"""The window of `render_mode="human"`, drawn with pygame as those of Gymnasium's own environments are."""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.error import DependencyNotInstalled

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Frames a second of the two television systems. Games for PAL, and they only, have pictures of 250 rows.
_NTSC_FPS, _PAL_FPS, _PAL_HEIGHT = 60, 50, 250

#: The window's pixels for one of the picture, which is twice as wide as high on a television.
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
        self._surface: Any = None
        self._clock: Any = None
        self._closed_by_user = False

    def show(self, picture: NDArray[np.uint8]) -> None:
        """Shows an RGB picture of (height, width, 3), and waits until the next one is due.

        Does nothing after the user closed the window.
        """
        if self._closed_by_user:
            return
        pygame = _pygame()
        height, width, _ = picture.shape
        if self._surface is None:
            pygame.display.init()
            pygame.display.set_caption(self._title)
            self._surface = pygame.display.set_mode((width * _ACROSS, height * _DOWN), pygame.RESIZABLE)
            self._clock = pygame.time.Clock()
        if any(event.type == pygame.QUIT for event in pygame.event.get()):
            self._closed_by_user = True
            self.close()
            return
        frame = pygame.surfarray.make_surface(picture.swapaxes(0, 1))
        self._surface.blit(pygame.transform.scale(frame, self._surface.get_size()), (0, 0))
        pygame.display.flip()
        self._clock.tick(_PAL_FPS if height == _PAL_HEIGHT else _NTSC_FPS)

    def close(self) -> None:
        """Closes the window. The next picture opens it again, unless the user closed it."""
        if self._surface is not None:
            _pygame().display.quit()
            self._surface = self._clock = None


def _pygame() -> Any:
    # pygame greets on stdout when it is imported.
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    import pygame

    return pygame
