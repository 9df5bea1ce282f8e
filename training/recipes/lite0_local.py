"""EfficientNet-Lite0 cut where its maps still say *where*: every patch of a face is judged by itself, their mean is the score.

Behind the expansion of the twelfth block a place of the map stands for 16 pixels of the face. Local evidence transfers between
forgeries where what a whole face looks like does not (judging patches: Chai et al. 2020, arXiv:2008.10588). Since the score is
the mean of the map, the map says exactly what the score is made of.
"""

from __future__ import annotations

from typing import Any

import tf_keras as keras

from edgefake.errors import InputError
from edgefake.models.card_checks import MAP, SCORE
from training.recipes.efficientnet_lite0 import until_expanded

layers = keras.layers
LAST = 11  # of the blocks; its expansion has 672 channels at 1/16 of the side


def lite0_local(x: Any) -> Any:
    """Feature maps of 1/16 of the side of ``x``."""
    return until_expanded(x, LAST)


def patch_head(x: Any, *, outputs: int, folded: bool) -> list[Any]:
    """(the mean over patches, the patches' logits (N, h, w, 1)). Raises ``InputError`` for more than one logit."""
    if outputs > 1:
        raise InputError(f"lite0_local tells real from fake, expected one logit, got {outputs} classes: take another recipe")
    evidence = layers.Conv2D(1, 1, dtype="float32", name=MAP)(layers.Dropout(0.2, name="dropout")(x))
    return [layers.GlobalAveragePooling2D(name=SCORE)(evidence), evidence]
