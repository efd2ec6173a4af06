"""PostgreSQL's binary dates, times and intervals as text (src/backend/utils/adt/datetime.c)."""

import struct

_DAY = 86_400_000_000  # microseconds
_HOUR, _MINUTE, _SECOND = 3_600_000_000, 60_000_000, 1_000_000
_EPOCH = 2_451_545  # the Julian day of 2000-01-01
_DATE, _MOMENT = struct.Struct("!i"), struct.Struct("!q")
_TIMETZ, _INTERVAL = struct.Struct("!qi"), struct.Struct("!qii")
_DATES = {2**31 - 1: "infinity", -(2**31): "-infinity"}
_MOMENTS = {2**63 - 1: "infinity", -(2**63): "-infinity"}
_INTERVALS = {
    (2**63 - 1, 2**31 - 1, 2**31 - 1): "infinity",
    (-(2**63), -(2**31), -(2**31)): "-infinity",
}


def date(data: bytes) -> str:
    """Return a date: days since 2000."""
    (days,) = _DATE.unpack(data)
    if days in _DATES:
        return _DATES[days]
    return _with_era(days, "")


def time(data: bytes) -> str:
    """Return a time of day: microseconds."""
    (moment,) = _MOMENT.unpack(data)
    return _clock(moment)


def timetz(data: bytes) -> str:
    """Return a time of day with its zone: seconds west of Greenwich."""
    moment, west = _TIMETZ.unpack(data)
    return _clock(moment) + _zone(-west)


def timestamp(data: bytes, zone: str = "") -> str:
    """Return a timestamp: microseconds since 2000."""
    (moment,) = _MOMENT.unpack(data)
    if moment in _MOMENTS:
        return _MOMENTS[moment]
    days, rest = divmod(moment, _DAY)
    return _with_era(days, f" {_clock(rest)}{zone}")


def interval(data: bytes) -> str:
    """Return an interval: microseconds, days, months."""
    moment, days, months = found = _INTERVAL.unpack(data)
    if found in _INTERVALS:
        return _INTERVALS[found]
    years, months = int(months / 12), months - 12 * int(months / 12)
    parts, negative = list[str](), False
    for number, unit in ((years, "year"), (months, "mon"), (days, "day")):
        if number:
            sign = "+" if negative and number > 0 else ""
            parts.append(f"{sign}{number} {unit}{'' if number == 1 else 's'}")
            negative = number < 0
    if moment or not parts:
        sign = "-" if moment < 0 else "+" if negative else ""
        parts.append(sign + _clock(abs(moment)))
    return " ".join(parts)


def _clock(moment: int) -> str:
    hours, rest = divmod(moment, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    seconds, micro = divmod(rest, _SECOND)
    fraction = f".{micro:06d}".rstrip("0") if micro else ""
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{fraction}"


def _zone(east: int) -> str:
    hours, rest = divmod(abs(east), 3600)
    minutes, seconds = divmod(rest, 60)
    text = f"{'-' if east < 0 else '+'}{hours:02d}"
    if minutes or seconds:
        text += f":{minutes:02d}"
    return text + (f":{seconds:02d}" if seconds else "")


def _with_era(days: int, rest: str) -> str:
    year, month, day = _calendar(days + _EPOCH)
    era = "" if year > 0 else " BC"
    return f"{year if year > 0 else 1 - year:04d}-{month:02d}-{day:02d}{rest}{era}"


def _calendar(julian: int) -> tuple[int, int, int]:
    """Return year (0 is 1 BC), month and day of a Julian day, in the Gregorian calendar.

    Fliegel and Van Flandern's, with whole numbers that round downwards.
    """
    shifted = julian + 32_044
    centuries, rest = divmod(4 * shifted + 3, 146_097)
    rest //= 4
    years, rest = divmod(4 * rest + 3, 1461)
    rest //= 4
    months = (5 * rest + 2) // 153
    day = rest - (153 * months + 2) // 5 + 1
    return 100 * centuries + years - 4800 + months // 10, months + 3 - 12 * (months // 10), day
