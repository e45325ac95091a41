"""Which models to recommend, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ModelUnavailable
from . import hub, loader


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """One model and its published figures; None where nobody has published one.

    Attributes:
        name: for ``load_encoder``.
        dim: width of its embeddings.
        image_size: pixels.
        params_m: millions of parameters.
        size_mb: megabytes to download, at 4 bytes a parameter where the file's size is not published.
        licence: of the weights.
        languages: that its text tower reads.
        imagenet_top1: zero-shot, per cent.
        flickr30k_r1: text to image, recall at 1, per cent.
        coco_r1: the same on COCO.
        source: of the figures.
        repositories: of the hub that its weights and its tokenizer come from; none for what is installed.
    """

    name: str
    dim: int
    image_size: int
    params_m: int
    size_mb: int
    licence: str
    languages: str
    imagenet_top1: float | None = None
    flickr30k_r1: float | None = None
    coco_r1: float | None = None
    source: str = "open_clip docs/openclip_results.csv, docs/openclip_retrieval_results.csv"
    repositories: tuple[str, ...] = ()


# The best choice for most people first: that is the order in which "auto" takes them.
ZOO: tuple[ModelInfo, ...] = (
    ModelInfo(
        name="ViT-B-32-SigLIP2-256/webli",
        dim=768,
        image_size=256,
        params_m=377,
        size_mb=1508,
        licence="Apache-2.0",
        languages="many",
        imagenet_top1=74.0,
        coco_r1=47.2,
        source="big_vision README_siglip2.md",
        repositories=("timm/ViT-B-32-SigLIP2-256",),
    ),
    ModelInfo(
        name="ViT-B-32/laion2b_s34b_b79k",
        dim=512,
        image_size=224,
        params_m=151,
        size_mb=605,
        licence="MIT",
        languages="English",
        imagenet_top1=66.6,
        flickr30k_r1=66.8,
        coco_r1=39.3,
        repositories=("laion/CLIP-ViT-B-32-laion2B-s34B-b79K",),
    ),
    ModelInfo(
        name="ViT-B-32-256/datacomp_s34b_b86k",
        dim=512,
        image_size=256,
        params_m=151,
        size_mb=605,
        licence="MIT",
        languages="English",
        imagenet_top1=72.8,
        flickr30k_r1=64.9,
        coco_r1=39.9,
        repositories=("laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",),
    ),
    ModelInfo(
        name="xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k",
        dim=512,
        image_size=224,
        params_m=366,
        size_mb=1464,
        licence="MIT",
        languages="many",
        imagenet_top1=62.4,
        flickr30k_r1=64.5,
        coco_r1=37.8,
        repositories=("laion/CLIP-ViT-B-32-xlm-roberta-base-laion5B-s13B-b90k", "xlm-roberta-base"),
    ),
    ModelInfo(
        name="ViT-L-14/laion2b_s32b_b82k",
        dim=768,
        image_size=224,
        params_m=428,
        size_mb=1712,
        licence="MIT",
        languages="English",
        imagenet_top1=75.2,
        flickr30k_r1=75.5,
        coco_r1=46.5,
        repositories=("laion/CLIP-ViT-L-14-laion2B-s32B-b82K",),
    ),
    ModelInfo(
        name="ViT-H-14/laion2b_s32b_b79k",
        dim=1024,
        image_size=224,
        params_m=986,
        size_mb=3944,
        licence="MIT",
        languages="English",
        imagenet_top1=78.0,
        flickr30k_r1=77.6,
        coco_r1=49.5,
        repositories=("laion/CLIP-ViT-H-14-laion2B-s32B-b79K",),
    ),
    ModelInfo(
        name=loader.STARTER,
        dim=512,
        image_size=260,
        params_m=33,
        size_mb=0,
        licence="Apache-2.0",
        languages="English",
        source="data/starter/MODEL_CARD.md",
    ),
)

_FIRST_DOWNLOAD = "ViT-B-32/laion2b_s34b_b79k"  # good, and small enough for somebody who only wants to try


def model_available(name: str) -> bool:
    """Say whether a model can be loaded on this machine without a network.

    This is quick for the models of the zoo; for another name open_clip, and with it torch, is imported.
    """
    if name == loader.STARTER or loader.is_local(name):
        return True
    known = next((model.repositories for model in ZOO if model.name == name), None)
    # One file of each is enough to say no at once, which is the usual answer, without importing open_clip.
    if known is not None and not all(hub.has_any(repository) for repository in known):
        return False
    try:
        needed = loader.needs(name)
    except ModelUnavailable:
        return False
    return bool(needed) and all(hub.is_cached(need) for need in needed)


def choose_model() -> tuple[str, str]:
    """Choose the encoder for a new collection: the best one cached, else from the hub, else the starter.

    Returns:
        Its name, and the reason in words.
    """
    for model in ZOO:
        if model.name != loader.STARTER and model_available(model.name):
            return model.name, "the best one that is already on this machine"
    if hub.is_reachable():
        size = next(model.size_mb for model in ZOO if model.name == _FIRST_DOWNLOAD)
        return _FIRST_DOWNLOAD, f"downloaded from the model hub ({size} MB, once), as none is here yet"
    return loader.STARTER, "it needs no download; the model hub cannot be reached and no other model is here"
