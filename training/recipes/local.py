"""Networks cut where their maps still say *where*: every patch of a face is judged by itself, their mean is the score.

Behind the expansion of the first block that would go on to stride 32, a place of the map stands for 16 pixels of the face. Local
evidence transfers between forgeries where what a whole face looks like does not (judging patches: Chai et al. 2020,
arXiv:2008.10588). Since the score is the mean of the map, the map says exactly what the score is made of.
"""

from __future__ import annotations

from typing import Any

import tf_keras as keras

from edgefake.errors import InputError
from edgefake.models.card_checks import MAP, SCORE
from training.recipes.efficientnet_lite0 import until_expanded
from training.recipes.mobilenet_v2 import until_layer

layers = keras.layers
LITE0_LAST = 11  # of the blocks; its expansion has 672 channels at 1/16 of the side
MOBILENET_LAST = "block_13_expand_relu"  # 336 channels of the variant that is 0.35 times as wide


def lite0_local(x: Any) -> Any:
    """Feature maps of 1/16 of the side of ``x``, of EfficientNet-Lite0."""
    return until_expanded(x, LITE0_LAST)


def mobilenet_local(x: Any, alpha: float) -> Any:
    """Feature maps of 1/16 of the side of ``x``, of the MobileNetV2 whose layers are ``alpha`` times as wide."""
    return until_layer(x, alpha, MOBILENET_LAST)


def patch_head(x: Any, *, outputs: int, folded: bool) -> list[Any]:
    """(the mean over patches, the patches' logits (N, h, w, 1)). Raises ``InputError`` for more than one logit."""
    if outputs > 1:
        raise InputError(
            f"recipes that judge patches tell real from fake, expected one logit, got {outputs} classes: take another recipe"
        )
    evidence = layers.Conv2D(1, 1, dtype="float32", name=MAP)(layers.Dropout(0.2, name="dropout")(x))
    return [layers.GlobalAveragePooling2D(name=SCORE)(evidence), evidence]
