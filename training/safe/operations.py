"""SavedModel folders: only these operations of TensorFlow are ever run from a file.

A graph may read and write files, call Python and open sockets, in its main part, in any function of its library, or in what
initializes its resources. So every node of every function is looked up here before TensorFlow loads the folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgefake.errors import InputError
from training.safe.configs import named

COMPUTING = named(
    # numbers
    """Abs Acos Acosh Add AddN AddV2 All Any ApproximateEqual ArgMax ArgMin Asin Asinh Atan Atan2 Atanh BatchMatMul
    BatchMatMulV2 BatchMatMulV3 BiasAdd BiasAddV1 Bincount Bucketize Cast Ceil ClipByValue Cos Cosh Cross CumulativeLogsumexp
    Cumprod Cumsum DenseBincount Digamma Div DivNoNan Einsum Elu Equal Erf Erfc Erfinv Exp Expm1 Floor FloorDiv FloorMod
    Greater GreaterEqual InvertPermutation IsFinite IsInf IsNan L2Loss LeakyRelu Less LessEqual Lgamma LinSpace Log Log1p
    LogSoftmax LogicalAnd LogicalNot LogicalOr MatMul Max Maximum Mean Min Minimum Mod Mul MulNoNan Neg NotEqual Pow Prod Range
    RealDiv Reciprocal Relu Relu6 Rint Round Rsqrt Selu Sigmoid Sign Sin Sinh Softmax Softplus Softsign Sqrt Square
    SquaredDifference Sub Sum Tan Tanh TopK TopKV2 TruncateDiv TruncateMod Xdivy Xlogy BitwiseAnd BitwiseOr BitwiseXor
    LeftShift RightShift UnsortedSegmentMax UnsortedSegmentMean UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum"""
    # pictures
    """ AdjustContrastv2 AdjustHue AdjustSaturation AvgPool AvgPool3D Conv2D Conv3D CropAndResize DepthToSpace
    DepthwiseConv2dNative Dilation2D ExtractImagePatches FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 HSVToRGB
    ImageProjectiveTransformV2 ImageProjectiveTransformV3 LRN MaxPool MaxPool3D MaxPoolV2 MirrorPad Pad PadV2 RGBToHSV
    ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor ScaleAndTranslate SpaceToDepth Conv2DBackpropInput
    Conv2DBackpropInputV2 Conv3DBackpropInputV2 Conv"""
    # shapes
    """ BatchToSpaceND Bitcast BroadcastArgs BroadcastTo Concat ConcatOffset ConcatV2 Const Diag DiagPart EnsureShape
    ExpandDims Fill Gather
    GatherNd GatherV2 Identity IdentityN MatrixBandPart MatrixDiag MatrixDiagPart MatrixDiagPartV3 MatrixDiagV3 MatrixSetDiagV3
    NoOp OneHot OnesLike Pack ParallelConcat Placeholder PlaceholderWithDefault PreventGradient Rank Reshape ResourceGather
    Reverse ReverseSequence ReverseV2 Roll ScatterNd Select SelectV2 Shape ShapeN Size Slice Snapshot SpaceToBatchND Split
    SplitV Squeeze StopGradient StridedSlice TensorScatterAdd TensorScatterUpdate Tile Transpose Unpack Unique UniqueV2 Where
    ZerosLike"""
    # linear algebra, chance, quantization
    """ Cholesky Inv MatrixInverse MatrixSolve Qr Svd GetAlgGetterV2 StatelessRandomGetAlg StatelessRandomGetKeyCounter
    StatelessRandomGetKeyCounterAlg StatelessRandomNormal StatelessRandomNormalV2 StatelessRandomUniform
    StatelessRandomUniformV2 StatelessRandomUniformInt StatelessRandomUniformIntV2 StatelessRandomUniformFullInt
    StatelessRandomUniformFullIntV2 StatelessTruncatedNormal StatelessTruncatedNormalV2 StatelessShuffle RandomUniform
    RandomUniformInt RandomStandardNormal RandomShuffle TruncatedNormal RngReadAndSkip RngSkip StatefulStandardNormalV2
    StatefulUniform StatefulUniformFullInt StatefulUniformInt Multinomial StatelessMultinomial FakeQuantWithMinMaxArgs
    FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel QuantizeAndDequantizeV2 QuantizeAndDequantizeV3
    QuantizeAndDequantizeV4"""
    # gradients, of which Keras 2 keeps functions
    """ AvgPoolGrad BiasAddGrad BroadcastGradientArgs Conv2DBackpropFilter CudnnRNNBackpropV3 CudnnRNNV3
    DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput EluGrad FusedBatchNormGradV3 LeakyReluGrad MaxPoolGrad
    MirrorPadGrad ReciprocalGrad Relu6Grad ReluGrad ResizeBicubicGrad ResizeBilinearGrad ResizeNearestNeighborGrad RsqrtGrad
    SeluGrad SigmoidGrad SoftplusGrad SoftsignGrad SqrtGrad StridedSliceGrad TanhGrad TensorListElementShape"""
    # variables and lists
    """ AssignAddVariableOp AssignSubVariableOp AssignVariableOp DestroyResourceOp DisableCopyOnRead ReadVariableOp
    VarHandleOp VarIsInitializedOp
    VariableShape EmptyTensorList TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
    TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListReserve TensorListResize
    TensorListSetItem TensorListSplit TensorListStack AccumulateNV2"""
    # control flow: the functions they call stand in the same library
    """ Assert Case Enter Exit For If LogicalCond LoopCond Merge NextIteration PartitionedCall StatefulPartitionedCall
    StatelessCase StatelessIf StatelessWhile Switch While CheckNumerics StringFormat"""
)
KEEPING = {"MergeV2Checkpoints", "RestoreV2", "SaveV2", "ShardedFilename", "StaticRegexFullMatch", "StringJoin"}
"""How every SavedModel writes and reads its variables: in functions that nothing calls when the folder is loaded."""


def check_saved_model(path: Path) -> None:
    """Raise ``InputError`` where the SavedModel in ``path`` would run anything but the operations above, or is none."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    found = SavedModel()
    try:
        found.ParseFromString((path / "saved_model.pb").read_bytes())
        (whole,) = found.meta_graphs
    except Exception as error:  # of protobuf, which has no base class for them
        raise InputError(f"{path} cannot be loaded, its saved_model.pb is damaged or of TensorFlow 1: save it again") from error
    if not whole.HasField("object_graph_def"):
        raise InputError(f"{path} cannot be loaded, it is a SavedModel of TensorFlow 1: save it again with model.export(FOLDER)")
    functions = {function.signature.name: function.node_def for function in whole.graph_def.library.function}
    foreign = {_operation(node) for node in whole.graph_def.node} - COMPUTING
    foreign |= {_operation(node) for nodes in functions.values() for node in nodes} - COMPUTING - KEEPING
    if foreign:
        raise InputError(_refusal(path, ", ".join(ascii(op)[1:-1][:60] for op in sorted(foreign)[:5])))
    keeping = {name for name, nodes in functions.items() if any(node.op in KEEPING for node in nodes)}
    called = _offered(whole)
    called |= {call for name, nodes in functions.items() if name not in keeping for node in nodes for call in _calls(node)}
    if called & keeping:
        raise InputError(_refusal(path, "SaveV2 or RestoreV2 in what it computes"))


def _refusal(path: Path, what: str) -> str:
    return (
        f"{path} holds operations that are not run from a file ({what}), because such may read and write files or call programs: "
        "save the model without them, or give --trust-code if you trust the folder"
    )


def _offered(whole: Any) -> set[str]:
    """The functions that TensorFlow offers to Python, or takes gradients with, once the folder is loaded."""
    names = set(whole.object_graph_def.concrete_functions)
    for node in whole.object_graph_def.nodes:
        names |= {*node.function.concrete_functions, node.bare_concrete_function.concrete_function_name}
    library = whole.graph_def.library
    return names | {gradient.gradient_func for gradient in (*library.gradient, *library.registered_gradients)}


def _operation(node: Any) -> str:
    """The name of its operation; constants that unpack to objects, such as data sets, are not numbers."""
    tensors = [tensor for value in node.attr.values() for tensor in (value.tensor, *value.list.tensor)]
    objects = any(tensor.variant_val or tensor.resource_handle_val for tensor in tensors)
    return f"{node.op} of objects" if objects else str(node.op)


def _calls(node: Any) -> set[str]:
    """The functions that a node may call: a function's name may stand for an operation's too."""
    return {node.op} | {f.name for value in node.attr.values() for f in (value.func, *value.list.func) if f.name}
