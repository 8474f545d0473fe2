# ruff: noqa: ANN001, ANN201, ANN202
# mypy: ignore-errors
# Numba infers types; annotations would not be read.
"""Sixteen lanes at once: vectors for Numba kernels, which LLVM lowers to whatever the CPU has.

Numba vectorises loops when it can prove enough about them; a gather of voxels with clamped neighbours it
leaves scalar. These types map to LLVM's ``<16 x float>`` and ``<16 x i32>``: AVX-512 holds one in a register,
AVX2 and NEON in several. Every operation is IEEE arithmetic without contraction, so that a lane's value is
bitwise what the same float32 expression gives in scalar code, on any CPU.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model
from numba.np.arrayobj import make_array

LANES = 16
QUANTITIES = 8
"""Floats in a row of a table given to :func:`add_rows`: one 32-byte load a lane."""

_I1, _I16, _I32 = ir.IntType(1), ir.IntType(16), ir.IntType(32)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INTS = ir.VectorType(_I32, LANES)
_MASK = ir.VectorType(_I1, LANES)
_SUMS = ir.VectorType(ir.FloatType(), LANES * QUANTITIES)


class FloatsType(types.Type):
    """16 float32."""


class IntsType(types.Type):
    """16 int32."""


class MaskType(types.Type):
    """16 booleans."""


class SumsType(types.Type):
    """16 rows of 8 float32."""


floats = FloatsType("floats16")
ints = IntsType("ints16")
mask = MaskType("mask16")
sums = SumsType("sums16x8")

for _kind, _vector in ((FloatsType, _FLOATS), (IntsType, _INTS), (MaskType, _MASK), (SumsType, _SUMS)):

    def _model(vector=_vector):
        class Model(models.PrimitiveModel):
            def __init__(self, dmm, fe_type) -> None:
                super().__init__(dmm, fe_type, vector)

        return Model

    register_model(_kind)(_model())


def _operation(operation, result, kinds):
    """Give ``operation`` a meaning for pairs of vectors: type of both operands to a builder of the result."""

    def call_of(kind, build):
        @intrinsic
        def call(typing, a, b):
            return (result or kind)(kind, kind), lambda context, builder, signature, args: build(builder, *args)

        return call

    calls = {kind: call_of(kind, build) for kind, build in kinds.items()}

    @overload(operation)
    def operate(a, b):
        if a in calls and a == b:
            call = calls[a]
            return lambda a, b: call(a, b)
        return None


_operation(operator.add, None, {floats: ir.IRBuilder.fadd, ints: ir.IRBuilder.add})
_operation(operator.sub, None, {floats: ir.IRBuilder.fsub, ints: ir.IRBuilder.sub})
_operation(operator.mul, None, {floats: ir.IRBuilder.fmul, ints: ir.IRBuilder.mul})
_operation(operator.and_, None, {mask: ir.IRBuilder.and_})
_operation(
    operator.ge,
    mask,
    {
        floats: lambda builder, a, b: builder.fcmp_ordered(">=", a, b),
        ints: lambda builder, a, b: builder.icmp_signed(">=", a, b),
    },
)
_operation(operator.ne, mask, {ints: lambda builder, a, b: builder.icmp_signed("!=", a, b)})


def _constant(vector, value):
    return ir.Constant(vector, [value] * vector.count)


def _spread(builder, value, vector):
    blank = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(blank, value, ir.Constant(_I32, 0))
    return builder.shuffle_vector(first, blank, _constant(_INTS, 0))


@intrinsic
def spread_float(typing, value):
    """The same float32 in every lane."""
    return floats(types.float32), lambda context, builder, signature, args: _spread(builder, args[0], _FLOATS)


@intrinsic
def spread_int(typing, value):
    """The same int32 in every lane."""
    return ints(types.int32), lambda context, builder, signature, args: _spread(builder, args[0], _INTS)


@intrinsic
def to_ints(typing, values):
    """Towards zero."""
    return ints(floats), lambda context, builder, signature, args: builder.fptosi(args[0], _INTS)


@intrinsic
def to_floats(typing, values):
    """Int32 to float32."""
    return floats(ints), lambda context, builder, signature, args: builder.sitofp(args[0], _FLOATS)


@intrinsic
def where(typing, chosen, a, b):
    """Lanes of ``a`` where the mask is set, else of ``b``."""
    return a(mask, a, a), lambda context, builder, signature, args: builder.select(*args)


@intrinsic
def smaller(typing, a, b):
    """Minimum lane by lane."""

    def build(context, builder, signature, args):
        return builder.select(builder.icmp_signed("<", *args), *args)

    return ints(ints, ints), build


@intrinsic
def bits(typing, chosen):
    """The mask as the low 16 bits of an int64, lane 0 lowest."""

    def build(context, builder, signature, args):
        return builder.zext(builder.bitcast(args[0], _I16), ir.IntType(64))

    return types.int64(mask), build


def _address(context, builder, array_type, array, offset):
    return builder.gep(make_array(array_type)(context, builder, array).data, [offset])


def _loader(kind, vector):
    @intrinsic
    def load(typing, array, offset):
        def build(context, builder, signature, args):
            address = _address(context, builder, signature.args[0], *args)
            return builder.load(builder.bitcast(address, vector.as_pointer()), align=4)

        return kind(array, types.int64), build

    @intrinsic
    def store(typing, array, offset, values):
        def build(context, builder, signature, args):
            address = _address(context, builder, signature.args[0], *args[:2])
            builder.store(args[2], builder.bitcast(address, vector.as_pointer()), align=4)
            return context.get_dummy_value()

        return types.void(array, types.int64, kind), build

    return load, store


load_floats, store_floats = _loader(floats, _FLOATS)
load_ints, store_ints = _loader(ints, _INTS)
load_sums, store_sums = _loader(sums, _SUMS)


class _LaneAddresses(ir.instructions.Instruction):
    """``getelementptr`` with a vector of indices, which llvmlite's own instruction refuses."""

    def __init__(self, builder, pointer, indices) -> None:
        vector = ir.VectorType(pointer.type, LANES)
        super().__init__(builder.block, vector, "getelementptr", [pointer, indices])
        self.element = pointer.type.pointee
        builder._insert(self)

    def descr(self, buf):
        """Write the instruction's text."""
        pointer, indices = (f"{operand.type} {operand.get_reference()}" for operand in self.operands)
        buf.append(f"getelementptr {self.element}, {pointer}, {indices}\n")


@intrinsic
def gather_words(typing, array, offset, indices, chosen):
    """The 4 bytes that start at element ``offset + indices`` of an array, 0 in lanes that are not chosen."""

    def build(context, builder, signature, args):
        base = _address(context, builder, signature.args[0], *args[:2])
        addresses = builder.bitcast(_LaneAddresses(builder, base, args[2]), ir.VectorType(_I32.as_pointer(), LANES))
        signature = ir.FunctionType(_INTS, [addresses.type, _I32, _MASK, _INTS])
        gather = cgutils.get_or_insert_function(builder.module, signature, "llvm.masked.gather.v16i32.v16p0")
        # Voxels are 1 or 2 bytes: the words are aligned to no more than that.
        align = ir.Constant(_I32, array.dtype.bitwidth // 8)
        return builder.call(gather, [addresses, align, args[3], _constant(_INTS, 0)])

    return ints(array, types.int64, ints, mask), build


@intrinsic
def prefetch(typing, array, offset):
    """Ask for the cache line of element ``offset``, which may lie outside the array."""

    def build(context, builder, signature, args):
        address = builder.bitcast(_address(context, builder, signature.args[0], *args), cgutils.voidptr_t)
        signature = ir.FunctionType(ir.VoidType(), [address.type, _I32, _I32, _I32])
        fetch = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
        builder.call(fetch, [address, *(ir.Constant(_I32, value) for value in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.int64), build


@intrinsic
def clamp_halves(typing, words, lowest):
    """The larger of each int16 half of the words and of ``lowest``."""

    def build(context, builder, signature, args):
        halves, limits = (builder.bitcast(arg, ir.VectorType(_I16, 2 * LANES)) for arg in args)
        return builder.bitcast(builder.select(builder.icmp_signed(">", halves, limits), halves, limits), _INTS)

    return ints(ints, ints), build


@intrinsic
def low_halves(typing, words):
    """The int16 in the low half of each word (first in memory) as float32."""

    def build(context, builder, signature, args):
        shift = _constant(_INTS, 16)
        return builder.sitofp(builder.ashr(builder.shl(args[0], shift), shift), _FLOATS)

    return floats(ints), build


@intrinsic
def high_halves(typing, words):
    """The int16 in the high half of each word as float32."""
    return floats(ints), lambda context, builder, signature, args: builder.sitofp(
        builder.ashr(args[0], _constant(_INTS, 16)), _FLOATS
    )


@intrinsic
def byte_of(typing, words, which):
    """Byte ``which`` (0 to 3, 0 is first in memory) of each word."""

    def build(context, builder, signature, args):
        shifted = builder.lshr(args[0], builder.shl(args[1], _constant(_INTS, 3)))
        return builder.and_(shifted, _constant(_INTS, 255))

    return ints(ints, ints), build


@intrinsic
def add_rows(typing, totals, table, rows):
    """Add row ``rows`` of a flat float32 table with 8 columns to each lane's 8 sums."""

    def build(context, builder, signature, args):
        data = make_array(signature.args[1])(context, builder, args[1]).data
        base = builder.bitcast(data, cgutils.voidptr_t)
        row = ir.VectorType(ir.FloatType(), QUANTITIES).as_pointer()
        # Byte offsets of all lanes at once: extracting one then leaves nothing to compute.
        offsets = builder.shl(args[2], _constant(_INTS, 5))
        parts = []
        for lane in range(LANES):
            offset = builder.zext(builder.extract_element(offsets, ir.Constant(_I32, lane)), ir.IntType(64))
            parts.append(builder.load(builder.bitcast(builder.gep(base, [offset]), row), align=4))
        while len(parts) > 1:
            order = ir.Constant(ir.VectorType(_I32, 2 * parts[0].type.count), list(range(2 * parts[0].type.count)))
            parts = [builder.shuffle_vector(a, b, order) for a, b in zip(parts[::2], parts[1::2], strict=True)]
        return builder.fadd(args[0], parts[0])

    return sums(sums, table, ints), build
