"""Configurations of Keras models: only these layers, functions and operations are built from a file.

Keras finds a class by the module and name that the file states, runs the code of Lambda layers, and opens files that layers
such as ``TFSMLayer`` and ``StringLookup`` name. So each object is looked up here first, wherever in the configuration it stands.
"""

from __future__ import annotations

import re
from typing import Any

from edgefake.errors import InputError

DEEPEST = 200
LARGEST = 65_536
"""Of what decides how much memory a layer takes, such as ``units``."""


def named(text: str) -> frozenset[str]:
    """The names in a text."""
    return frozenset(text.split())


LAYERS = named(
    # models and wrappers
    """Functional Model Sequential Bidirectional RNN SpectralNormalization StackedRNNCells TimeDistributed Wrapper InputLayer
    Pipeline"""
    # with weights
    """ AdditiveAttention Attention BatchNormalization Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose
    ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution2D Convolution2DTranspose Dense DepthwiseConv1D DepthwiseConv2D
    EinsumDense Embedding GRU GRUCell GroupNormalization GroupQueryAttention LSTM LSTMCell LayerNormalization
    LocallyConnected1D LocallyConnected2D MultiHeadAttention Normalization PReLU RMSNormalization SeparableConv1D
    SeparableConv2D SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell UnitNormalization"""
    # without
    """ Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add AlphaDropout Average AveragePooling1D AveragePooling2D
    AveragePooling3D AvgPool1D AvgPool2D AvgPool3D CategoryEncoding CenterCrop Concatenate Cropping1D Cropping2D Cropping3D
    Discretization Dot Dropout ELU Flatten GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D Identity LeakyReLU Masking MaxPool1D MaxPool2D MaxPool3D
    MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum Multiply Permute ReLU RepeatVector Rescaling Reshape Resizing Softmax
    SpatialDropout1D SpatialDropout2D SpatialDropout3D Subtract ThresholdedReLU UpSampling1D UpSampling2D UpSampling3D
    ZeroPadding1D ZeroPadding2D ZeroPadding3D"""
    # augmentation, which does nothing at inference
    """ AugMix AutoContrast CutMix Equalization MixUp RandAugment RandomBrightness RandomColorDegeneration RandomColorJitter
    RandomContrast RandomCrop RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale RandomHeight
    RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear
    RandomTranslation RandomWidth RandomZoom Solarization"""
)
OPERATIONS = named(  # of Keras 3, outside layers
    """Abs Absolute All Amax Amin Any Arctan Average BatchNorm BroadcastTo Cast Ceil Celu Clip Concatenate ConvertToTensor Copy
    Cos Divide DivideNoNan Einsum Elu Equal Erf Exp ExpandDims Expm1 Flip Floor FloorDivide Gelu GetItem Glu Greater
    GreaterEqual HardSigmoid HardSilu HardTanh LayerNorm LeakyRelu Less LessEqual Log Log10 Log1p Log2 LogSigmoid LogSoftmax
    LogicalAnd LogicalNot LogicalOr Logsumexp Matmul Max Maximum Mean Min Minimum Mod Moments Moveaxis Multiply NanToNum
    Negative Normalize NotEqual OnesLike Pad Power Prod RMSNorm Ravel Reciprocal Relu Relu6 Repeat Reshape Resize Rsqrt Selu
    Sigmoid Sign Silu Sin Slice Softmax Softplus Softsign Split Sqrt Square Squeeze Stack Std StopGradient Subtract Sum Swapaxes
    Take Tan Tanh Tile Transpose TrueDivide Unstack Var Where ZerosLike RGBToGrayscale"""
)
FUNCTIONS = named(  # of TensorFlow, outside layers of Keras 2
    """__operators__.add __operators__.getitem abs add broadcast_to cast clip_by_value concat convert_to_tensor divide
    expand_dims gather identity image.resize image.rgb_to_grayscale linalg.matmul linalg.l2_normalize math.abs math.add
    math.divide math.divide_no_nan math.exp math.l2_normalize math.log math.maximum math.minimum math.multiply math.negative
    math.pow math.reduce_max math.reduce_mean math.reduce_min math.reduce_std math.reduce_sum math.reduce_variance
    math.rsqrt math.scalar_mul math.sigmoid math.softmax math.softplus math.sqrt math.square math.squared_difference
    math.subtract math.tanh math.truediv matmul maximum minimum multiply negative nn.avg_pool nn.avg_pool2d nn.bias_add
    nn.elu nn.gelu nn.l2_normalize nn.leaky_relu nn.log_softmax nn.max_pool nn.max_pool2d nn.relu nn.relu6 nn.selu nn.sigmoid
    nn.silu nn.softmax nn.softplus nn.swish ones_like pad pow reduce_max reduce_mean reduce_min reduce_sum repeat reshape
    reverse shape sigmoid slice split sqrt square squeeze stack stop_gradient strided_slice subtract tanh tile transpose
    truediv unstack where zeros_like"""
)
ACTIVATIONS = named(
    """celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax
    squareplus swish tanh tanh_shrink threshold"""
)
TRAINING = named(  # initializers, regularizers, constraints, policies
    """Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform Ones
    Orthogonal OrthogonalInitializer RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros L1 L1L2 L2
    OrthogonalRegularizer MaxNorm MinMaxNorm NonNeg RadialConstraint UnitNorm DTypePolicy FloatDTypePolicy Policy"""
)
VALUES = {"__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__", "__tuple__", "TensorShape"}
OURS = {"edgefake>Border"}
KNOWN = LAYERS | OPERATIONS | TRAINING | VALUES | OURS
CALLED = ("TFOpLambda", "SlicingOpLambda")
"""The layers in which Keras 2 keeps a function of TensorFlow, by its name."""
SIZES = named(
    """units filters input_dim output_dim key_dim value_dim num_heads depth_multiplier groups kernel_size size height width
    batch_shape batch_input_shape input_shape target_shape n padding state_size"""
)

_MODULE = re.compile(r"(tf_)?keras(\.\w+)*", re.ASCII)


class ForeignError(InputError):
    """A configuration that names what is not built from a file; the message says what."""


class CodeError(ForeignError):
    """A configuration with Python code in it."""


def check_config(config: Any) -> None:
    """Raise ``CodeError`` or ``ForeignError`` for a configuration, parsed from JSON, that names anything but what is above."""
    _check(config, "", 0)


def without_training(config: Any) -> Any:
    """A copy of a configuration without what its optimizer and losses are, in nested models too."""
    if isinstance(config, dict):
        return {key: without_training(value) for key, value in config.items() if key != "compile_config"}
    return [without_training(item) for item in config] if isinstance(config, list) else config


def _check(value: Any, key: str, depth: int) -> None:
    if depth > DEEPEST:
        raise ForeignError(f"more than {DEEPEST} levels of nesting")
    if isinstance(value, dict):
        if "class_name" in value:
            _check_object(value)
        for name, item in value.items():
            _check(item, name, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, key, depth + 1)
    elif isinstance(value, str) and key.endswith("activation") and value not in ACTIVATIONS:
        raise ForeignError(f"the activation {_shown(value)}")
    elif isinstance(value, int) and key in SIZES and value > LARGEST:
        raise ForeignError(f"{key} of {value:.3g}")


def _check_object(spec: dict[str, Any]) -> None:
    name, module, registered, config = (spec.get(key) for key in ("class_name", "module", "registered_name", "config"))
    if name in ("Lambda", "__lambda__"):
        raise CodeError("Lambda layers")
    if name == "function":
        if not isinstance(config, str) or config not in ACTIVATIONS:
            raise ForeignError(f"the function {_shown(config)}")
    elif name in CALLED:
        function = config.get("function") if isinstance(config, dict) else None
        if not isinstance(function, str) or function.removeprefix("compat.v1.") not in FUNCTIONS:
            raise ForeignError(f"the function {_shown(function)}")
    elif not isinstance(name, str) or name not in KNOWN:
        raise ForeignError(_shown(name))
    if registered not in (None, name, config):  # it would be looked up before the name
        raise ForeignError(_shown(registered))
    if module is not None and not (
        isinstance(module, str) and (_MODULE.fullmatch(module) or (module == "builtins" and name in VALUES | {"function"}))
    ):
        raise ForeignError(f"the module {_shown(module)}")


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
