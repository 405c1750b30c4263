"""Repaint one face with diffusers: the mask and the control image are made of landmarks, in a request.

    python examples/diffusers_inpaint.py photo.jpg repainted.png

The pipeline is a ControlNet inpainting pipeline of diffusers with every part in it, a few channels wide and randomly
initialised, so that it runs on a processor within seconds and nothing is downloaded: the new face is noise. A real one
takes its place as ``StableDiffusionControlNetInpaintPipeline.from_pretrained(...)``; the rest stays as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DDIMScheduler,
    StableDiffusionControlNetInpaintPipeline,
    UNet2DConditionModel,
)

import facegate
from facegate.integrations.diffusers import SealedPipeline
from facegate.integrations.torch import tensor

SIDE = 128  # of what the pipeline paints, pixels; a multiple of 8
WORDS = 32  # size of a prompt's embedding


def tiny_pipeline() -> StableDiffusionControlNetInpaintPipeline:
    """The whole pipeline, very small. Prompts come as embeddings, so it needs no text encoder."""
    torch.manual_seed(0)
    channels, blocks = (16, 32), {"cross_attention_dim": WORDS, "attention_head_dim": 8, "layers_per_block": 1}
    unet = UNet2DConditionModel(
        block_out_channels=channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
        **blocks,
    )
    controlnet = ControlNetModel(
        block_out_channels=channels,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        conditioning_embedding_out_channels=(8, 8, 8, 16),
        norm_num_groups=8,
        **blocks,
    )
    # As deep as Stable Diffusion's: latents have an eighth of the picture's side.
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=4,
    )
    pipeline = StableDiffusionControlNetInpaintPipeline(
        vae=vae,
        text_encoder=None,
        tokenizer=None,
        unet=unet,
        controlnet=controlnet,
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def controls(_: facegate.Request, upload: facegate.ImageUpload, face: facegate.Face | None) -> dict[str, Any]:
    """What the pipeline is to paint on, where, and after what; everything in here is zeroed with the request."""
    if face is None:
        raise ValueError("there is nobody to repaint")
    width, height = upload.size_wh
    with tensor(upload) as pixels, tensor(face, "landmarks") as landmarks, tensor(face, "box") as box:
        image = pixels.permute(2, 0, 1)[None].float() / 255
        image = torch.nn.functional.interpolate(image, (SIDE, SIDE), mode="area")
        scale = torch.tensor([SIDE / width, SIDE / height])
        x, y = (landmarks[:, :2] * scale).round().long().clamp(0, SIDE - 1).T
        control = torch.zeros(1, 3, SIDE, SIDE)
        control[:, :, y, x] = 1.0
        left, top, right, bottom = (box.view(2, 2) * scale).round().long().clamp(0, SIDE).flatten()
        mask = torch.zeros(1, 1, SIDE, SIDE)
        mask[:, :, top:bottom, left:right] = 1.0
    return {"image": image, "mask_image": mask, "control_image": control}


def main(source: str, target: str) -> facegate.Receipt:
    """Repaint the largest face of a photo; the receipt says what became of everything in between."""

    def progress(_: Any, step: int, __: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        print(f"step {step + 1}")
        return tensors

    with facegate.Gate() as gate:
        sealed = SealedPipeline(tiny_pipeline(), gate, controls)
        made = sealed(
            Path(source),
            request_id="example-1",
            # Not of the person, so it is given here and not by `controls`.
            prompt_embeds=torch.zeros(1, 8, WORDS),
            negative_prompt_embeds=torch.zeros(1, 8, WORDS),
            num_inference_steps=4,
            height=SIDE,
            width=SIDE,
            output_type="np",
            generator=torch.Generator().manual_seed(1),
            callback_on_step_end=progress,
        )
    made.output.save(target)
    verified = facegate.verify(made.receipt.to_json())
    print(f"{target}: {SIDE}x{SIDE}, {verified.outcome}, left behind: {list(verified.purge.residuals)}")
    return made.receipt


if __name__ == "__main__":
    main(*sys.argv[1:])
