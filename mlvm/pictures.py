"""Which pixels of a picture a window sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlvm.tasks import Dot, Pool


def taps(task: Dot | Pool) -> NDArray[np.int32]:
    """Of each pixel of a tile, the pixel of the picture at each place of the kernel: pixels ×
    places. Behind the last pixel, there is one number for all that is outside."""
    dilation_y, dilation_x = (task.dilation_y, task.dilation_x) if isinstance(task, Dot) else (1, 1)
    pixels = np.arange(task.first_pixel, task.first_pixel + task.pixels)
    ky, kx = np.divmod(np.arange(task.kernel_height * task.kernel_width), task.kernel_width)
    y = (pixels // task.out_width * task.stride_y - task.pad_top)[:, np.newaxis]
    x = (pixels % task.out_width * task.stride_x - task.pad_left)[:, np.newaxis]
    y, x = y + ky * dilation_y, x + kx * dilation_x
    inside = (y >= 0) & (y < task.height) & (x >= 0) & (x < task.width)
    return np.where(inside, y * task.width + x, task.height * task.width).astype(np.int32)
