"""Run a network that looks at crops: one row of the batch for each crop."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from facegate.vision.models import table, weights
from facegate.vision.roi import Floats, crop

# Memory grows with the batch and time per face does not fall beyond this.
MAX_BATCH = 16


class CropNetwork:
    """One network that takes (N, size, size, 3) RGB float32, 0 to 1. One thread.

    Attributes:
        size: edge of the input, pixels.
    """

    def __init__(self, name: str, *, batch: int = 1) -> None:
        """Load and allocate.

        Args:
            name: as `facegate.vision.models.weights` takes it.
            batch: how many crops to allocate memory for; another number costs a new allocation.

        Raises:
            AnalysisError: the weights are missing or not those that were shipped.
        """
        self.size = table()[name].input[1]
        self._interpreter = Interpreter(model_content=weights(name), num_threads=1)
        self._input = int(self._interpreter.get_input_details()[0]["index"])
        self._batch = 0
        self._allocate(batch)
        self._outputs = {item["name"]: int(item["index"]) for item in self._interpreter.get_output_details()}

    def _allocate(self, batch: int) -> None:
        if batch != self._batch:
            self._interpreter.resize_tensor_input(self._input, (batch, self.size, self.size, 3))
            self._interpreter.allocate_tensors()
            self._batch = batch

    def __call__(self, rgb: NDArray[np.uint8], to_frame: Floats, *outputs: str) -> list[Floats]:
        """Cut the crops out and run.

        Args:
            rgb: (H, W, 3) uint8, RGB.
            to_frame: (N, 2, 3) float32, N at least 1, maps from the crops to the frame.
            outputs: names of the outputs wanted.

        Returns:
            One (N, K) float32 array for each name.
        """
        parts = [self._run(rgb, to_frame[at : at + MAX_BATCH], outputs) for at in range(0, len(to_frame), MAX_BATCH)]
        return parts[0] if len(parts) == 1 else [np.concatenate(rows) for rows in zip(*parts, strict=True)]

    def _run(self, rgb: NDArray[np.uint8], to_frame: Floats, outputs: tuple[str, ...]) -> list[Floats]:
        count = len(to_frame)
        self._allocate(count)
        # Straight into the input's memory. The view must not outlive this loop: LiteRT refuses to run while one exists.
        pixels = self._interpreter.tensor(self._input)()
        for row, one in zip(pixels, to_frame, strict=True):
            np.multiply(crop(rgb, one, self.size), np.float32(1 / 255), out=row)
        del pixels, row
        self._interpreter.invoke()
        # With a batch above 1 the iris network reports all rows as one: (1, N * K).
        return [self._interpreter.get_tensor(self._outputs[name]).reshape(count, -1) for name in outputs]
