"""Bytes to lines, in bounded memory, and what became of the bytes that are no lines."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from tasks.errors import UnreadableObject
from tasks.records.rows import Flaw

#: A longer line is set aside: it is no record but a broken file, and it shall not fill the memory.
LONGEST_LINE_BYTES = 1 << 20
#: How much of a lost line goes to quarantine.
_SHOWN_BYTES = 1_000
#: Most bytes that one step of decompression gives, however well they were compressed.
_STEP_BYTES = 1 << 20


class CutOffError(Exception):
    """The bytes end, or stop making sense, before their time."""


@dataclass(frozen=True)
class Lost:
    """A line that cannot be handed on: its beginning, and why."""

    flaw: Flaw
    beginning: str


def whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes | Lost]:
    r"""Group bytes into chunks of whole lines.

    Parameters
    ----------
    pieces
        The bytes, at most a few MiB at a time. May raise `CutOffError`: the line that it cuts is lost.

    Yields
    ------
    Some lines, each with its `\n` (the last line of the input gets one if it has none), or one lost line; all in
    the order of the input.
    """
    rest = b""
    overlong: bytes | None = None
    try:
        for piece in pieces:
            fresh = piece
            if overlong is not None:
                end = piece.find(b"\n")
                if end < 0:
                    continue
                yield _too_long(overlong)
                overlong, fresh = None, piece[end + 1 :]
            chunk = rest + fresh
            first = chunk.find(b"\n")
            if first > LONGEST_LINE_BYTES:
                yield _too_long(chunk)
                chunk = chunk[first + 1 :]
            end = chunk.rfind(b"\n") + 1
            if end:
                yield chunk[:end]
            rest = chunk[end:]
            if len(rest) > LONGEST_LINE_BYTES:
                overlong, rest = rest[:_SHOWN_BYTES], b""
    except CutOffError as cut:
        yield Lost(Flaw("cut off", str(cut)), beginning_of(rest or overlong or b""))
        return
    if overlong is not None:
        yield _too_long(overlong)
    elif rest:
        yield rest + b"\n"


def gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Decompress gzip data of one or several members, never more than a MiB at a time.

    Raises
    ------
    CutOffError
        If the data is damaged or ends in the middle of a member; what came before is good.
    UnreadableObject
        If it is no gzip data at all.
    """
    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    began = after_member = any_output = False
    for piece in pieces:
        data = piece
        while True:
            if after_member and not began:
                data = data.lstrip(b"\0")  # tar and tape tools pad with zeros
            began = began or bool(data)
            before = member.copy()
            try:
                output = member.decompress(data, _STEP_BYTES)
            except zlib.error as error:
                good = _up_to_damage(before, data)
                if good:
                    yield good
                elif not any_output:
                    raise UnreadableObject(f"the object is named .gz, but is no gzip data: {error}") from error
                raise CutOffError(f"the gzip data is damaged from here on: {error}") from error
            if output:
                any_output = True
                yield output
            if member.eof:
                data = member.unused_data
                member, began, after_member = zlib.decompressobj(zlib.MAX_WBITS | 16), False, True
            else:
                data = member.unconsumed_tail
            if not data and len(output) < _STEP_BYTES:
                break
    if began:
        raise CutOffError("the gzip data ends here, in the middle")


def _up_to_damage(member: zlib._Decompress, data: bytes) -> bytes:
    """What can be decompressed of damaged data; zlib gives nothing of a step that fails, so the steps are bytes."""
    good = bytearray()
    with suppress(zlib.error):
        for place in range(len(data)):
            good += member.decompress(data[place : place + 1])
    return bytes(good)


def beginning_of(raw: bytes) -> str:
    """The beginning of raw bytes as text, for quarantine."""
    return raw[:_SHOWN_BYTES].decode("utf-8", "replace").rstrip("\r\n")


def _too_long(line: bytes) -> Lost:
    limit = f"longer than {LONGEST_LINE_BYTES:,} bytes"
    return Lost(Flaw("broken row", f"the line is {limit}, too long for a record"), beginning_of(line))
