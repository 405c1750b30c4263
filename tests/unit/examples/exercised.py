"""The diffusers example, for `facegate audit --exercise tests.unit.examples.exercised:serve`."""

from __future__ import annotations

import secrets

import torch

import facegate
from examples import diffusers_inpaint as example
from facegate.integrations.diffusers import SealedPipeline

gate = facegate.Gate()
pipeline = example.tiny_pipeline()
# The first progress bar of a process makes a semaphore in /dev/shm and starts a thread (tqdm does, even for one that is
# switched off). The audit sees both; a worker that warms up has them before its first request.
for _ in pipeline.progress_bar(range(1)):
    pass
sealed = SealedPipeline(pipeline, gate, example.controls)


def serve(portrait: bytes) -> bytes:
    """One picture through the whole pipeline."""
    made = sealed(
        portrait,
        request_id=f"exercise-{secrets.token_hex(4)}",
        prompt_embeds=torch.zeros(1, 8, example.WORDS),
        negative_prompt_embeds=torch.zeros(1, 8, example.WORDS),
        num_inference_steps=2,
        height=example.SIDE,
        width=example.SIDE,
        output_type="np",
    )
    return made.output.data
