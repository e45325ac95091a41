"""Tiny real Stable Diffusion folders: the library's own classes with random weights, made in a second."""

import json

import torch

SIDE = 32
"""Pixels of what the tiny pipelines make by default."""

_WORDS = ("a", "red", "blue", "green", "shoe", "bag", "photo", "of", "ugly")
_TOKENS = 12


def save_pipeline(
    folder, *, seed=0, checker=None, scheduler="DDIMScheduler", inpainting=False, loud=False, **settings
):
    """Save a StableDiffusionPipeline that makes 32 x 32 pictures; return the folder.

    Args:
        folder: where to.
        seed: of the weights.
        checker: None for no safety checker, else whether it fires at every picture.
        scheduler: class of the library.
        loud: with numbers inside the decoder that leave the range of float16.
        inpainting: nine input channels, as models made for inpainting have.
        settings: of the scheduler, such as ``prediction_type``.
    """
    import diffusers

    torch.manual_seed(seed)
    tokenizer = _tokenizer(folder.with_name(f"{folder.name}-words"))
    vae = _vae()
    if loud:  # the norm behind makes up for it, in a range that is wide enough
        vae.decoder.conv_in.weight.data *= 1e5
    name = "StableDiffusionInpaintPipeline" if inpainting else "StableDiffusionPipeline"
    pipeline = getattr(diffusers, name)(
        vae=vae,
        text_encoder=_text_encoder(len(tokenizer)),
        tokenizer=tokenizer,
        unet=_unet(9 if inpainting else 4),
        scheduler=getattr(diffusers, scheduler).from_config(_schedule() | settings),
        safety_checker=None if checker is None else _checker(fires=checker),
        feature_extractor=_extractor(),
        requires_safety_checker=checker is not None,
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def save_ip_adapter(folder, *, seed=1):
    """Save an IP-Adapter for the tiny pipeline, with its image encoder, as they lie on the hub."""
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(seed)
    config = CLIPVisionConfig(projection_dim=16, **_VISION)
    CLIPVisionModelWithProjection(config).save_pretrained(folder / "models" / "image_encoder")
    hidden, tokens = 16, 4  # four tokens is what the common adapters have, and the loader takes for granted
    state = {
        "image_proj.proj.weight": torch.randn(tokens * hidden, 16),
        "image_proj.proj.bias": torch.randn(tokens * hidden),
        "image_proj.norm.weight": torch.ones(hidden),
        "image_proj.norm.bias": torch.zeros(hidden),
    }
    for number, width in enumerate(_cross_attention_widths()):
        for part in ("to_k_ip", "to_v_ip"):
            state[f"ip_adapter.{2 * number + 1}.{part}.weight"] = torch.randn(width, hidden)
    save_file(state, folder / "models" / "ip-adapter_tiny.safetensors")
    return folder


_VISION = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}


def _schedule():
    return {
        "num_train_timesteps": 1000,
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "steps_offset": 1,
        "clip_sample": False,
    }


def _vae():
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=SIDE,
    )


def _unet(channels=4):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=SIDE // 2,
        in_channels=channels,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
        norm_num_groups=4,
    )


def _cross_attention_widths():
    names = [name for name in _unet().attn_processors if name.endswith("attn2.processor")]
    return [16] * len(names)


def _text_encoder(words):
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=words,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=_TOKENS,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    )


def _tokenizer(folder):
    """A vocabulary of a few words and all letters, in the files that CLIP's tokenizer reads."""
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    vocabulary = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    merges = []
    for word in _WORDS:
        for length in range(2, len(word) + 1):
            ending = "</w>" if length == len(word) else ""
            whole = word[:length] + ending
            if whole not in vocabulary:
                vocabulary.append(whole)
                merges.append(f"{word[: length - 1]} {word[length - 1]}{ending}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    return CLIPTokenizer.from_pretrained(folder, model_max_length=_TOKENS)


def _extractor():
    from transformers import CLIPImageProcessor

    side = {"shortest_edge": 32}
    return CLIPImageProcessor(size=side, crop_size={"height": 32, "width": 32})


def _checker(*, fires):
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from transformers import CLIPConfig

    config = CLIPConfig(
        text_config={"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
        vision_config=_VISION,
        projection_dim=16,
    )
    checker = StableDiffusionSafetyChecker(config)
    bar = -2.0 if fires else 2.0  # a cosine lies between
    with torch.no_grad():
        checker.concept_embeds.normal_()
        checker.special_care_embeds.normal_()
        checker.concept_embeds_weights.fill_(bar)
        checker.special_care_embeds_weights.fill_(2.0)
    return checker
