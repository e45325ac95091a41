"""A pipeline of diffusers, loaded and placed, in each of the modes that it knows; all share their parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer import without_warnings

from ..errors import BadRequest, GeneratorUnavailable
from . import model_files
from .placement import Thrift, check_memory, choose_dtype, choose_thrift, place
from .schedulers import make_scheduler

if TYPE_CHECKING:
    import torch

TEXT, IMAGE, INPAINT = "text-to-image", "image-to-image", "inpainting"
_AUTO = {
    TEXT: "AutoPipelineForText2Image",
    IMAGE: "AutoPipelineForImage2Image",
    INPAINT: "AutoPipelineForInpainting",
}
_USUAL_SIDE = 512  # where a model does not say
_BROKEN = (AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError)


class Pipelines:
    """One model's pipelines by mode.

    Args:
        name: what the person called it.
        folder: where it is.
        device: where it is to run.
        variant: of the weights; None for what suits the device.

    Raises:
        GeneratorUnavailable: a file is broken, or it is no model that makes pictures of words.
        OutOfMemory: its weights do not fit into memory.
    """

    def __init__(self, name: str, folder: Path, *, device: str, variant: str | None) -> None:
        self.name = name
        self.device = device
        has_unet = (folder / "unet").is_dir()
        self.dtype: torch.dtype = choose_dtype(device, has_unet=has_unet)
        variant = model_files.find_variant(folder, wanted=variant, half=device != "cpu")
        weights = model_files.count_weights(folder, variant) * self.dtype.itemsize
        check_memory(name, device, weights, (_USUAL_SIDE, _USUAL_SIDE))
        self.main = load_pipeline(name, folder, variant=variant, dtype=self.dtype)
        self.own_scheduler = self.main.scheduler
        self.thrift: Thrift = choose_thrift(device, weights)
        self._modes = {TEXT: self.main}
        self._active = TEXT

    def place(self) -> None:
        """Put the model on its device, with all that was put on top of it."""
        place(self.main, self.device, self.thrift)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height that the model makes by default, in pixels."""
        unet = getattr(self.main, "unet", None)
        cells = getattr(getattr(unet, "config", None), "sample_size", None)
        cells = cells or getattr(self.main, "default_sample_size", None)
        factor = getattr(self.main, "vae_scale_factor", 8)
        if not cells:
            return _USUAL_SIDE, _USUAL_SIDE
        height, width = (cells, cells) if isinstance(cells, int) else cells
        return width * factor, height * factor

    @property
    def multiple(self) -> int:
        """What width and height must be multiples of, in pixels."""
        processor = getattr(self.main, "image_processor", None)
        return int(processor.config.vae_scale_factor) if processor is not None else 8

    @property
    def paints_in_only(self) -> bool:
        """Whether the denoiser wants a masked picture beside its latents, and so can do nothing else."""
        unet, vae = getattr(self.main, "unet", None), getattr(self.main, "vae", None)
        if unet is None or vae is None:
            return False
        return bool(unet.config.in_channels > 2 * vae.config.latent_channels)

    def of(self, mode: str) -> Any:
        """Give the pipeline of a mode.

        Raises:
            BadRequest: the model's kind has none.
        """
        import diffusers

        if mode not in self._modes:
            try:
                made = getattr(diffusers, _AUTO[mode]).from_pipe(self.main, dtype=self.dtype)
            except ValueError as error:
                raise BadRequest(f"{mode} by {self.name!r}", "another generator: this kind cannot") from error
            made.set_progress_bar_config(disable=True)
            self._modes[mode] = made
        if self.thrift == "offload" and mode != self._active:
            self._modes[self._active].remove_all_hooks()
            self._modes[mode].enable_model_cpu_offload(device=self.device)
        self._active = mode
        return self._modes[mode]

    def run(
        self, mode: str, arguments: dict[str, Any], *, scheduler: str | None, seed: int, watch: Any
    ) -> tuple[Any, bool]:
        """Make one picture.

        Args:
            mode: which pipeline.
            arguments: for its call.
            scheduler: name of the sampler; None for the model's own.
            seed: of the noise, which is drawn on the CPU and so is the same on every device.
            watch: called at the end of each step, as ``callback_on_step_end``.

        Returns:
            The picture, and whether the model's own safety checker flagged it.
        """
        import torch

        pipeline = self.of(mode)
        pipeline.scheduler = make_scheduler(scheduler, self.own_scheduler)  # they remember their last run
        noise = torch.Generator("cpu").manual_seed(seed)
        try:
            made = pipeline(**arguments, generator=noise, callback_on_step_end=watch, output_type="pil")
        finally:
            pipeline.maybe_free_model_hooks()  # where it was broken off, too
        flags = getattr(made, "nsfw_content_detected", None)
        return made.images[0].convert("RGB"), bool(flags and flags[0])

    @property
    def is_half(self) -> bool:
        """Whether numbers can leave the range of what they are kept in."""
        return self.dtype.itemsize == 2

    def widen(self) -> None:
        """Go over to float32, for good: twice the memory, and never black for want of range."""
        import torch

        self.dtype = torch.float32
        for pipeline in self._modes.values():
            pipeline.to(dtype=self.dtype)


def load_pipeline(name: str, folder: Path, *, variant: str | None, dtype: torch.dtype) -> Any:
    """Load a text-to-image pipeline from safetensors alone, on the CPU; code in the folder is never run.

    Args:
        name: what the person called it, for messages.
        folder: where it is.
        variant: of the weights; None for the plain ones.
        dtype: of the weights in memory.

    Raises:
        GeneratorUnavailable: a file is broken, or it is no model that makes pictures of words.
    """
    from diffusers import AutoPipelineForText2Image
    from safetensors import SafetensorError

    _quieten()
    try:
        with without_warnings():
            pipeline = AutoPipelineForText2Image.from_pretrained(
                str(folder),
                variant=variant,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
            )
    except (*_BROKEN, SafetensorError) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        reason = f"its files cannot be used ({words[:240]})"
        raise GeneratorUnavailable(name, reason, "Fetch or save it again, or use another one.") from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _quieten() -> None:
    """Keep the libraries from drawing bars and from logging what is raised or told by us anyway."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()
