"""Operations of graphs as Keras' files have them: a class, and what it is made with.

Keras writes `ops.mean(x, axis=-1)` as an object of the class `Mean`, made with `axis`
and called with x. The table has the classes by their modules, in brackets the arguments
that they are made with; the others are those of the call.
"""

import inspect
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from onefit.ops.table import OPS, Operation
from onefit.registry import snake_case
from onefit.types import Config, Tree

__all__ = ["KERAS", "Known", "call_of", "in_keras"]

_CLASSES = {
    "core": """
        Cond Map SliceUpdate StopGradient Switch
        AssociativeScan(reverse, axis)
        Cast(dtype)
        ForiLoop(lower, upper, body_fun)
        SaturateCast(dtype)
        Scan(length, reverse, unroll)
        Scatter(shape)
        ScatterUpdate(reduction)
        Slice(shape)
        Unstack(num, axis)
        VectorizedMap(function)
        WhileLoop(cond, body, maximum_iterations)
    """,
    "math": """
        CDist Erf Erfc Erfinv FFT FFT2 IFFT2 Logdet Rsqrt ViewAsComplex ViewAsReal
        ExtractSequences(sequence_length, sequence_stride)
        IRFFT(fft_length)
        ISTFT(sequence_length, sequence_stride, fft_length, length, window, center)
        InTopK(k)
        Logsumexp(axis, keepdims)
        RFFT(fft_length)
        STFT(sequence_length, sequence_stride, fft_length, window, center)
        SegmentMax(num_segments, sorted)
        SegmentMin(num_segments, sorted)
        SegmentProd(num_segments, sorted)
        SegmentSum(num_segments, sorted)
        TopK(k, sorted)
    """,
    "numpy": """
        Abs Absolute Add Angle Arccos Arccosh Arcsin Arcsinh Arctan Arctan2 Arctanh
        BitwiseAnd BitwiseInvert BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift
        BitwiseXor Cbrt Ceil Conj Conjugate Copy Corrcoef Cos Cosh Deg2rad Digitize
        Divide DivideNoNan Dot Dstack Equal Exp Exp2 Expm1 Fabs Fliplr Flipud Floor
        FloorDivide Fmax Fmin Fmod Gcd GetItem Greater GreaterEqual Heaviside Hstack
        Hypot I0 Imag Inner Isfinite Isinf Isnan Isneginf Isposinf Isreal Kron Lcm Ldexp
        LeftShift Less LessEqual Log Log10 Log1p Log2 Logaddexp Logaddexp2 LogicalAnd
        LogicalNot LogicalOr LogicalXor Matmul Maximum Minimum Mod Multiply Negative
        Nextafter Nonzero NotEqual Outer Power Rad2deg Ravel Real Reciprocal RightShift
        Select Sign Signbit Sin Sinc Sinh Size Slogdet Sqrt Square Subtract Tan Tanh
        TrueDivide Trunc Vdot Vstack Where
        All(axis, keepdims)
        AllClose(rtol, atol, equal_nan)
        Amax(axis, keepdims)
        Amin(axis, keepdims)
        Any(axis, keepdims)
        Append(axis)
        Argmax(axis, keepdims)
        Argmin(axis, keepdims)
        Argpartition(kth, axis)
        Argsort(axis)
        Array(dtype)
        ArraySplit(indices_or_sections, axis)
        Average(axis)
        Bincount(weights, minlength, sparse)
        BroadcastTo(shape)
        Clip(x_min, x_max)
        Concatenate(axis)
        Correlate(mode)
        CountNonzero(axis)
        Cross(axisa, axisb, axisc, axis)
        Cumprod(axis, dtype)
        Cumsum(axis, dtype)
        Diag(k)
        Diagflat(k)
        Diagonal(offset, axis1, axis2)
        Diff(n, axis)
        Dsplit(indices_or_sections)
        Einsum(subscripts)
        EmptyLike(dtype)
        ExpandDims(axis)
        Flip(axis)
        FullLike(dtype)
        Geomspace(num, endpoint, dtype, axis)
        Histogram(bins, range)
        Hsplit(indices_or_sections)
        IsIn(assume_unique, invert)
        Isclose(equal_nan)
        Linspace(num, endpoint, retstep, dtype, axis)
        Logspace(num, endpoint, base, dtype, axis)
        Max(axis, keepdims, initial)
        Mean(axis, keepdims)
        Median(axis, keepdims)
        Meshgrid(indexing)
        Min(axis, keepdims, initial)
        Moveaxis(source, destination)
        NanToNum(nan, posinf, neginf)
        Nanargmax(axis, keepdims)
        Nanargmin(axis, keepdims)
        Nancumprod(axis, dtype)
        Nancumsum(axis, dtype)
        Nanmax(axis, keepdims)
        Nanmean(axis, keepdims)
        Nanmedian(axis, keepdims)
        Nanmin(axis, keepdims)
        Nanpercentile(axis, method, keepdims)
        Nanprod(axis, keepdims)
        Nanquantile(axis, method, keepdims)
        Nanstd(axis, keepdims)
        Nansum(axis, keepdims)
        Nanvar(axis, keepdims)
        OnesLike(dtype)
        Pad(pad_width, mode)
        Percentile(axis, method, keepdims)
        Prod(axis, keepdims, dtype)
        Ptp(axis, keepdims)
        Quantile(axis, method, keepdims)
        Repeat(repeats, axis)
        Reshape(newshape)
        Roll(shift, axis)
        Rot90(k, axes)
        Round(decimals)
        SearchSorted(side)
        Sort(axis)
        Split(indices_or_sections, axis)
        Squeeze(axis)
        Stack(axis)
        Std(axis, keepdims)
        Sum(axis, keepdims)
        Swapaxes(axis1, axis2)
        Take(axis)
        TakeAlongAxis(axis)
        Tensordot(axes)
        Tile(repeats)
        Trace(offset, axis1, axis2)
        Transpose(axes)
        Trapezoid(x, dx, axis)
        Tril(k)
        Triu(k)
                Unique(sorted, return_index, return_inverse, return_counts, axis,
            size, fill_value)
        UnravelIndex(shape)
        Vander(N, increasing)
        Var(axis, keepdims)
        View(dtype)
        Vsplit(indices_or_sections)
        ZerosLike(dtype)
    """,
    "nn": """
        HardSigmoid HardSilu HardTanh LogSigmoid Polar Relu Relu6 Selu Sigmoid Silu
        Softplus Softsign SparsePlus SparseSigmoid TanhShrink
        AdaptiveAveragePool(output_size, data_format)
        AdaptiveMaxPool(output_size, data_format)
        AveragePool(pool_size, strides, padding, data_format)
        BatchNorm(axis, epsilon)
        BinaryCrossentropy(from_logits)
        CTCDecode(strategy, beam_width, top_paths, merge_repeated, mask_index)
        CTCLoss(mask_index)
        CategoricalCrossentropy(from_logits, axis)
        Celu(alpha)
        Conv(strides, padding, data_format, dilation_rate)
        ConvTranspose(strides, padding, output_padding, data_format, dilation_rate)
        DepthToSpace(block_size, data_format)
        DepthwiseConv(strides, padding, data_format, dilation_rate)
        DotProductAttention(is_causal, flash_attention, attn_logits_soft_cap)
        Elu(alpha)
        Fold(output_size, kernel_size, dilation, padding, stride)
        Gelu(approximate)
        Glu(axis)
        HardShrink(threshold)
        LayerNorm(axis, epsilon)
        LeakyRelu(negative_slope)
        LogSoftmax(axis)
        MaxPool(pool_size, strides, padding, data_format)
        Moments(axes, keepdims, synchronized)
        MultiHot(num_classes, axis, dtype, sparse)
        Normalize(axis, order, epsilon)
        OneHot(num_classes, axis, dtype, sparse)
        PSNR(max_val)
        RMSNorm(axis, epsilon)
        SeparableConv(strides, padding, data_format, dilation_rate)
        SoftShrink(threshold)
        Softmax(axis)
        SpaceToDepth(block_size, data_format)
        SparseCategoricalCrossentropy(from_logits, axis)
        Sparsemax(axis)
        Squareplus(b)
        Threshold(threshold, default_value)
        Unfold(kernel_size, dilation, padding, stride)
    """,
    "linalg": """
        Det Eig Eigh Inv LuFactor Solve
        Cholesky(upper)
        CholeskyInverse(upper)
        Lstsq(rcond)
        MatrixRank(tol)
        Norm(ord, axis, keepdims)
        Pinv(rcond)
        Qr(mode)
        SVD(full_matrices, compute_uv)
        SolveTriangular(lower)
    """,
    "image": """

        AffineTransform(interpolation, fill_mode, fill_value, data_format)
                CropImages(top_cropping, left_cropping, bottom_cropping,
            right_cropping, target_height, target_width, data_format)
                ElasticTransform(alpha, sigma, interpolation, fill_mode, fill_value,
            seed, data_format)
        ExtractPatches(size, strides, dilation_rate, padding, data_format)
        GaussianBlur(kernel_size, sigma, data_format)
        HSVToRGB(data_format)
        MapCoordinates(order, fill_mode, fill_value)
                PadImages(top_padding, left_padding, bottom_padding, right_padding,
            target_height, target_width, data_format)
        PerspectiveTransform(interpolation, fill_value, data_format)
        RGBToGrayscale(data_format)
        RGBToHSV(data_format)
                Resize(size, interpolation, antialias, crop_to_aspect_ratio,
            pad_to_aspect_ratio, fill_mode, fill_value, data_format)
        SSIM(max_val, filter_size, filter_sigma, k1, k2, data_format)
        ScaleAndTranslate(spatial_dims, method, antialias)
        SobelEdges(data_format)
    """,
    "einops": """
        Rearrange

    """,
}

# Classes that are not called like their function.
_NAMED = {
    "AllClose": "allclose",
    "BatchNorm": "batch_normalization",
    "CDist": "cdist",
    "HSVToRGB": "image.hsv_to_rgb",
    "IsIn": "isin",
    "LayerNorm": "layer_normalization",
    "RGBToHSV": "image.rgb_to_hsv",
    "RMSNorm": "rms_normalization",
    "SearchSorted": "searchsorted",
}


class Known(NamedTuple):
    """A class of Keras.

    Attributes:
        module, name: Where it is.
        operation: Our operation.
        made_with: The arguments that it is made with.
    """

    module: str
    name: str
    operation: str
    made_with: tuple[str, ...]

    @property
    def called_with(self) -> list[inspect.Parameter]:
        """The arguments of its call, in their order."""
        given = OPS[self.operation].signature.parameters.values()
        named = [p for p in given if p.kind is not p.VAR_KEYWORD]
        return [p for p in named if p.name not in self.made_with]

    def arguments(self, settings: Config, args: Sequence[Any]) -> tuple[Any, ...]:
        """What our operation is given for its settings and a call: (args, kwargs)."""
        known = {k: _read(v) for k, v in settings.items() if k in self.made_with}
        takes = self.called_with
        if takes and takes[-1].kind is inspect.Parameter.VAR_POSITIONAL:
            first = [known.pop(name) for name in self.made_with if name == "subscripts"]
            return (*first, *args), known
        names = [parameter.name for parameter in takes]
        return (), known | dict(zip(names, args, strict=False))


def _known() -> Iterator[Known]:
    for module, text in _CLASSES.items():
        for name, inside in re.findall(r"(\w+)(?:\(([^)]*)\))?", text):
            title = _NAMED.get(name) or snake_case(name)
            if module == "image" and "." not in title:
                title = f"image.{title}"
            made_with = tuple(re.findall(r"\w+", inside))
            yield Known(f"keras.src.ops.{module}", name, title, made_with)


KERAS = {known.name: known for known in _known()}
"""The classes of Keras by their names."""

_OURS = {known.operation: known for known in KERAS.values()}


def in_keras(layer: Operation) -> tuple[Known, Config] | None:
    """The class of Keras for an operation, and its settings; None if it has none."""
    known = _OURS.get(layer.operation)
    if known is None:
        return None
    settings = dict(layer.arguments)
    given = OPS[layer.operation].signature.parameters.values()
    more = [settings[p.name] for p in given if p.kind is p.VAR_KEYWORD]
    if any(layer.argument(value, ()) for value in more):
        return None
    try:
        made = {name: layer.argument(settings[name], ()) for name in known.made_with}
        return known, json.loads(json.dumps({k: _plain(v) for k, v in made.items()}))
    except (IndexError, KeyError, TypeError, ValueError):
        return None  # an array, or a value of the graph, among those


def _plain(value: Tree) -> Tree:
    """A setting as Keras' JSON has it."""
    if isinstance(value, tuple | list):  # Keras reads lists, and not its own tuples
        return [_plain(v) for v in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _read(value: Tree) -> Tree:
    """A setting of Keras' JSON; what is in a list may have to be hashed here."""
    if isinstance(value, dict) and value.get("class_name") == "__tuple__":
        value = value.get("items")
    return tuple(map(_read, value)) if isinstance(value, list) else value


def call_of(layer: Operation, known: Known, values: Sequence[Any]) -> list[Any]:
    """What a call of the operation is given in Keras, for these values."""
    settings, args = dict(layer.arguments), []
    for parameter in known.called_with:
        value = layer.argument(settings[parameter.name], values)
        args += value if parameter.kind is parameter.VAR_POSITIONAL else [value]
    return args
