"""The starter generator's autoencoder: components at first, standardised latents, a pipeline of it."""

import numpy as np
import pytest
import torch

from generation.starter.autoencoder import from_pixels
from generation.starter.bridge import ConditionBridge
from generation.starter.conv_autoencoder import ConvAutoencoder
from generation.starter.denoiser import (
    NEIGHBOURS,
    ConditionScaler,
    Told,
    build_denoiser,
    build_scheduler,
    denoise,
    picture_traits,
)
from generation.starter.generator import GeneratorFacts, load_starter, save_generator
from generation.starter.pipeline import Condition, StarterPipeline, read_pipeline

DIM, CHANNELS = 16, 6


def pictures(count=12, side=32):
    """Random pictures of squares with some noise, (n, 3, side, side)."""
    random = np.random.default_rng(0)
    coarse = np.kron(random.integers(0, 200, (count, 5, 5, 3)), np.ones((1, 8, 8, 1), np.int64))
    noisy = coarse[:, :side, 3 : side + 3] + random.integers(0, 50, (count, side, side, 3))
    return from_pixels(noisy.astype(np.uint8))


def small(channels=CHANNELS):
    torch.manual_seed(0)
    return ConvAutoencoder(latent_channels=channels, widths=(16, 8, 8), blocks=(1, 1, 1))


def test_with_all_components_nothing_is_lost():
    autoencoder = small(192)
    autoencoder.fit(pictures())
    there_and_back = autoencoder.decode(autoencoder.encode(pictures()))
    assert torch.allclose(there_and_back, pictures(), atol=1e-3)


def test_the_components_kept_are_the_best():
    autoencoder = small()
    autoencoder.fit(pictures())
    patches = torch.nn.functional.pixel_unshuffle(pictures(), 8).permute(0, 2, 3, 1).flatten(0, 2).double()
    best = torch.linalg.eigvalsh(torch.cov(patches.T))[:-CHANNELS].sum() / 192
    with torch.inference_mode():
        lost = (autoencoder.project(autoencoder.encode(pictures())) - pictures()).square().mean()
    # The mean of a patch is kept a colour at a time, not a pixel at a time: that costs a little.
    assert float(best) * 0.9 <= float(lost) <= float(best) * 1.2


def test_standardised_latents_have_mean_0_and_deviation_1_and_decode_to_the_same():
    autoencoder = small()
    autoencoder.fit(pictures())
    before = autoencoder.decode(autoencoder.encode(pictures()))
    for _ in range(2):  # the second time changes nothing
        autoencoder.standardise(autoencoder.encode(pictures()))
    latents = autoencoder.encode(pictures())
    assert latents.mean((0, 2, 3)).abs().max() < 1e-4
    assert float(latents.detach().std()) == pytest.approx(1, abs=0.01)
    assert torch.allclose(autoencoder.decode(latents), before, atol=1e-4)


@pytest.mark.parametrize("side", [8, 16, 48])
def test_pictures_of_any_multiple_of_eight_pixels(side):
    latents = small().encode(torch.zeros(2, 3, side, side))
    assert latents.shape == (2, CHANNELS, side // 8, side // 8)
    assert small().decode(latents).shape == (2, 3, side, side)


def pipeline():
    torch.manual_seed(0)
    return StarterPipeline(
        vae=small(),
        unet=build_denoiser(dim=DIM, channels=CHANNELS, grid=4, widths=(32, 32)),
        scheduler=build_scheduler(),
        scaler=ConditionScaler(DIM),
        bridge=ConditionBridge(DIM),
    )


def test_the_denoiser_hears_of_resolution_and_background():
    unet = pipeline().unet.eval()
    told = [(64, True), (128, True), (128, False)]
    found = []
    for side, plain in told:
        traits = picture_traits(torch.tensor([side]), torch.tensor([plain]))
        condition = Told(tokens=torch.ones(1, 5, DIM), mask=torch.ones(1, 5), traits=traits)
        with torch.inference_mode():
            found.append(denoise(unet, torch.ones(1, CHANNELS, 4, 4), torch.tensor([500]), condition))
    assert not torch.allclose(found[0], found[1], atol=1e-4)
    assert not torch.allclose(found[1], found[2], atol=1e-4)


def test_a_generator_of_it_is_saved_and_read_and_makes_the_same_picture(tmp_path):
    built = pipeline()
    save_generator(built, GeneratorFacts(encoder_sha256="0" * 64, trained_on="x", licence="x"), tmp_path)
    assert load_starter(tmp_path).info.size == (32, 32)
    tokens, mask = torch.zeros(1 + NEIGHBOURS, DIM), torch.zeros(1 + NEIGHBOURS)
    tokens[0, 0], mask[0] = 1, 1
    condition = Condition(tokens=tokens, mask=mask)
    one, other = (
        read_pipeline(tmp_path)(condition, torch.Generator().manual_seed(3), steps=2) for _ in range(2)
    )
    assert one.shape == (1, 3, 32, 32)
    assert torch.equal(one, other)
