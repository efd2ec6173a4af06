"""The binary forms of PostgreSQL's common types, as the texts that PostgreSQL prints for them.

Each reader raises ValueError or struct.error for bytes that are none of its type. Sources: the
``*_send`` and ``*_out`` functions in src/backend/utils/adt; ``DateStyle`` is ISO, the time zone
UTC, ``IntervalStyle`` postgres, ``bytea_output`` hex.
"""

import math
import re
import struct
from collections.abc import Callable
from decimal import Decimal
from ipaddress import IPv6Address, ip_address
from uuid import UUID

from pgward.audit.records.moments import date, interval, time, timestamp, timetz

Reader = Callable[[bytes], str]

_INT16, _INT32, _INT64 = struct.Struct("!h"), struct.Struct("!i"), struct.Struct("!q")
_UINT32, _UINT64 = struct.Struct("!I"), struct.Struct("!Q")
_FLOAT, _DOUBLE = struct.Struct("!f"), struct.Struct("!d")
_NUMERIC = struct.Struct("!HhHH")
_ARRAY = struct.Struct("!iiI")
_DIMENSION = struct.Struct("!ii")

_FLOAT4_EXPONENT, _FLOAT8_EXPONENT = 6, 15
_FLOAT4_MOST = 3.4028235e38
_NEGATIVE, _NAN, _INFINITE, _MINUS_INFINITE = 0x4000, 0xC000, 0xD000, 0xF000
_MOST_DIMENSIONS = 6
_MOST_ZEROS = 1024  # digits of a numeric: a few bytes can ask for 147,000
_JSONB_VERSION = 1


def _number(kind: struct.Struct) -> Reader:
    return lambda data: str(kind.unpack(data)[0])


def _bool(data: bytes) -> str:
    if len(data) != 1:
        raise ValueError(data)
    return "t" if data[0] else "f"


def _text(data: bytes) -> str:
    return data.decode()


def _jsonb(data: bytes) -> str:
    if data[:1] != bytes((_JSONB_VERSION,)):
        raise ValueError(data)
    return data[1:].decode()


def _bytea(data: bytes) -> str:
    return "\\x" + data.hex()


def _uuid(data: bytes) -> str:
    return str(UUID(bytes=data))


def _float4(data: bytes) -> str:
    (found,) = _FLOAT.unpack(data)
    if not math.isfinite(found):
        return _shown(found, _FLOAT4_EXPONENT)
    shorter = (float(f"{found:.{digits}g}") for digits in range(1, 10))
    exact = (each for each in shorter if abs(each) <= _FLOAT4_MOST and _FLOAT.pack(each) == data)
    return _shown(next(exact, found), _FLOAT4_EXPONENT)


def _float8(data: bytes) -> str:
    return _shown(_DOUBLE.unpack(data)[0], _FLOAT8_EXPONENT)


def _shown(found: float, most: int) -> str:
    """Return the shortest text; from an exponent of ``most`` on, it is written as such."""
    if not math.isfinite(found):
        return "NaN" if math.isnan(found) else "Infinity" if found > 0 else "-Infinity"
    sign, digits, exponent = Decimal(repr(found)).normalize().as_tuple()
    exponent = int(exponent)
    first = exponent + len(digits) - 1
    if -5 < first < most:  # noqa: PLR2004  # as %g
        return f"{Decimal(repr(found)).normalize():f}"
    text = "".join(map(str, digits))
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{'-' if sign else ''}{text[0]}{fraction}e{first:+03d}"


def _numeric(data: bytes) -> str:
    count, weight, sign, scale = _NUMERIC.unpack_from(data)
    if sign in (_NAN, _INFINITE, _MINUS_INFINITE):
        return {_NAN: "NaN", _INFINITE: "Infinity", _MINUS_INFINITE: "-Infinity"}[sign]
    if len(data) != _NUMERIC.size + 2 * count or 4 * weight + scale > _MOST_ZEROS:
        raise ValueError(data)
    digits = struct.unpack_from(f"!{count}H", data, _NUMERIC.size)
    before = [digits[n] if n < count else 0 for n in range(weight + 1)] or [0]
    whole = "".join(f"{digit:04d}" for digit in before).lstrip("0") or "0"
    after = "0000" * max(0, -weight - 1) + "".join(f"{d:04d}" for d in digits[max(0, weight + 1) :])
    fraction = f".{after[:scale].ljust(scale, '0')}" if scale else ""
    return ("-" if sign == _NEGATIVE else "") + whole + fraction


def _inet(data: bytes) -> str:
    _, bits, is_cidr, size = data[:4]  # the family follows from the size
    if len(data) != 4 + size or size not in (4, 16):
        raise ValueError(data)
    address = ip_address(data[4:])
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    shown = str(address) if mapped is None else f"::ffff:{mapped}"
    return shown if bits == 8 * size and not is_cidr else f"{shown}/{bits}"


def _macaddr(data: bytes) -> str:
    if len(data) not in (6, 8):
        raise ValueError(data)
    return data.hex(":")


def _bits(data: bytes) -> str:
    (count,) = _INT32.unpack_from(data)
    if count < 0 or len(data) != 4 + (count + 7) // 8:
        raise ValueError(data)
    return "".join(f"{byte:08b}" for byte in data[4:])[:count]


def _lsn(data: bytes) -> str:
    high, low = struct.unpack("!II", data)
    return f"{high:X}/{low:X}"


_BARE = re.compile(r'[^{},"\\\s]+')


def _array(data: bytes) -> str:
    dimensions, _, oid = _ARRAY.unpack_from(data)
    if not dimensions:
        return "{}"
    if not 0 < dimensions <= _MOST_DIMENSIONS:
        raise ValueError(data)
    at = _ARRAY.size
    sizes, lower = [], []
    for _ in range(dimensions):
        size, bound = _DIMENSION.unpack_from(data, at)
        at += _DIMENSION.size
        sizes.append(size)
        lower.append(bound)
    if min(sizes) < 1 or math.prod(sizes) > len(data):
        raise ValueError(data)
    reader, elements = BINARY.get(oid, _bytea), list[str]()
    for _ in range(math.prod(sizes)):
        (size,) = _INT32.unpack_from(data, at)
        at += 4
        if size >= 0 and at + size > len(data):
            raise ValueError(data)
        elements.append("NULL" if size < 0 else _quoted(reader(data[at : at + size])))
        at += max(size, 0)
    for size in reversed(sizes):
        elements = [
            "{" + ",".join(elements[n : n + size]) + "}" for n in range(0, len(elements), size)
        ]
    bounds = zip(lower, sizes, strict=True)
    shifted = any(bound != 1 for bound in lower)
    return ("".join(f"[{low}:{low + n - 1}]" for low, n in bounds) + "=" if shifted else "") + (
        elements[0]
    )


def _quoted(element: str) -> str:
    if _BARE.fullmatch(element) and element.upper() != "NULL":
        return element
    return '"' + element.replace("\\", "\\\\").replace('"', '\\"') + '"'


BINARY: dict[int, Reader] = {
    16: _bool,
    17: _bytea,
    18: _text,  # "char"
    19: _text,  # name
    20: _number(_INT64),
    21: _number(_INT16),
    23: _number(_INT32),
    25: _text,
    26: _number(_UINT32),  # oid
    28: _number(_UINT32),  # xid
    114: _text,  # json
    142: _text,  # xml
    650: _inet,  # cidr
    700: _float4,
    701: _float8,
    705: _text,  # unknown
    774: _macaddr,  # macaddr8
    829: _macaddr,
    869: _inet,
    1042: _text,  # character
    1043: _text,  # character varying
    1082: date,
    1083: time,
    1114: timestamp,
    1184: lambda data: timestamp(data, "+00"),
    1186: interval,
    1266: timetz,
    1560: _bits,
    1562: _bits,
    1700: _numeric,
    2950: _uuid,
    3220: _lsn,
    3802: _jsonb,
    5069: _number(_UINT64),  # xid8
}
"""Readers by the OIDs of types (src/include/catalog/pg_type.dat)."""

BINARY |= dict.fromkeys(
    (
        *(143, 199, 651, 775, 1000, 1001, 1002, 1003, 1005, 1007, 1009, 1014, 1015, 1016, 1021),
        *(1022, 1028, 1011, 1040, 1041, 1115, 1182, 1183, 1185, 1187, 1231, 1270, 1561, 1563),
        *(2951, 3221, 3807),
    ),
    _array,
)
