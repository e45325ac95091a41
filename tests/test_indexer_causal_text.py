"""Texts of real architectures, small and with random weights, read without what fills them up."""

import open_clip
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.encoders.onnx.causal_text import CausalTextTower

VISION = {"layers": 1, "width": 32, "head_width": 16, "image_size": 32, "patch_size": 16}
TEXT = {"layers": 2, "width": 32, "heads": 2, "context_length": 24, "vocab_size": 49408}
TOKENIZER = open_clip.tokenizer.SimpleTokenizer(context_length=24)


def model(kind, **text):
    torch.manual_seed(0)
    return kind(embed_dim=16, vision_cfg=VISION, text_cfg=TEXT | text).eval()


MODELS = [
    model(open_clip.CLIP),
    model(open_clip.CustomTextCLIP),
    model(open_clip.CustomTextCLIP, pool_type="eos", eos_id=49407, proj_bias=True),
    model(open_clip.CustomTextCLIP, proj_type="none", width=16, heads=2),
]


@pytest.mark.parametrize("number", range(len(MODELS)))
@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(max_size=40), min_size=1, max_size=4), spare=st.integers(0, 30))
def test_any_width_from_the_longest_text_on_gives_the_same(number, texts, spare):
    whole = MODELS[number]
    tokens = TOKENIZER(texts)
    longest = int(tokens.argmax(dim=1).max()) + 1  # up to the end mark
    assert CausalTextTower.fits(whole)
    with torch.inference_mode():
        found = CausalTextTower(whole)(tokens[:, : longest + spare])
        torch.testing.assert_close(found, whole.encode_text(tokens), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        {"no_causal_mask": True},  # as SigLIP: every token sees what fills the text up
        {"pool_type": "last"},  # the embedding is read where the context ends
        {"pool_type": "first"},
        {"embed_cls": True},  # as CoCa: behind the context
    ],
)
def test_what_sees_the_end_of_the_context_reads_all_of_it(text):
    assert not CausalTextTower.fits(model(open_clip.CustomTextCLIP, **text))


def test_what_is_no_text_tower_of_open_clip_does_not_fit():
    assert not CausalTextTower.fits(torch.nn.Linear(2, 2))
