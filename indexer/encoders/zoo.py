"""Which models to recommend, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass

from . import hub, loading


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
    ),
    ModelInfo(
        name=loading.STARTER,
        dim=512,
        image_size=260,
        params_m=33,
        size_mb=0,
        licence="Apache-2.0",
        languages="English",
        source="data/starter/MODEL_CARD.md",
    ),
)

_AUTO = ("ViT-B-32-SigLIP2-256/webli", "ViT-B-32/laion2b_s34b_b79k")  # small enough for a first download


def model_available(name: str) -> bool:
    """Say whether a model can be loaded on this machine without a network."""
    if name == loading.STARTER:
        return True
    repository = loading.hub_repository(name)
    return repository is not None and hub.is_cached(repository)


def choose_model() -> tuple[str, str]:
    """Choose the encoder for a new collection: the best one cached, else from the hub, else the starter.

    Returns:
        Its name, and the reason in words.
    """
    for model in ZOO:
        if model.name != loading.STARTER and model_available(model.name):
            return model.name, "the best one that is already on this machine"
    if hub.is_reachable():
        return _AUTO[-1], "downloaded from the model hub, as none is on this machine yet"
    return loading.STARTER, "it needs no download; the model hub cannot be reached and no other model is here"
