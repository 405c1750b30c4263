"""A ControlNet inpainting pipeline of diffusers, tiny and randomly initialised, inside a request."""

from __future__ import annotations

import torch

import facegate
from examples.diffusers_inpaint import SIDE, WORDS, controls, tiny_pipeline
from facegate.integrations.diffusers import SealedPipeline

GATE = facegate.Gate()
PIPELINE = tiny_pipeline()
# The first progress bar of a process makes a semaphore in /dev/shm and starts a thread (tqdm does, even for one that is
# switched off). The audit sees both; a worker that warms up has them before its first request.
for _ in PIPELINE.progress_bar(range(1)):
    pass


def run(portrait: bytes) -> None:
    """Landmarks become a control image, the pipeline paints, the output is sealed."""
    SealedPipeline(PIPELINE, GATE, controls)(
        portrait,
        request_id="exercise-diffusers",
        prompt_embeds=torch.zeros(1, 8, WORDS),
        negative_prompt_embeds=torch.zeros(1, 8, WORDS),
        num_inference_steps=2,
        height=SIDE,
        width=SIDE,
        output_type="np",
        generator=torch.Generator().manual_seed(1),
    )
