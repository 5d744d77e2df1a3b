"""What an author expects of an op (`# -> X`), what an op yielded in the same words, and whether the two agree.

Of a call: `0`, a number, an errno name, `panic`, or the bytes that peek read. Of a run: its events in order, joined by
`; `, and `panic` behind them if it came to that. What ought to happen is the spec's business, not this file's.
"""

import re
from typing import NamedTuple

from sysfuzz.program.ir import MAX_PEEK
from sysfuzz.program.lexer import number, quote, unknown
from sysfuzz.program.names import ERRNO, SIGNAL
from sysfuzz.program.outcome import PANIC, Event, Result, Step
from sysfuzz.program.source import TextError

_ENTER = "enter"
_ENDS = ("done", "exit", "exec", "limit")  # events that say nothing but that the run is over
_MAX_VALUE = (1 << 64) - 1
_MAX_DIGIT = 9  # up to here a result, mostly 0 or a pid, reads the same in decimal and hex

_ENTER_TEXT = re.compile(r"enter[ \t]+(#[0-9]+|[A-Za-z_]\w*)[ \t]+@(\w+)", re.ASCII)
_SIGNAL_TEXT = re.compile(r"(SIG\w*)[ \t]+@(\w+)(?:[ \t]+at[ \t]+(\w+))?", re.ASCII)
_BYTES_TEXT = re.compile(r'"((?:[0-9a-fA-F]{2})+)"')
_EVENTS = f"enter NAME @ADDR, SIGNAL @ADDR, SIGNAL @ADDR at DATA, {', '.join(_ENDS)}, {PANIC}; several joined by '; '"
_FAILURES = f"{PANIC} or an errno name ({', '.join(ERRNO)})"


class ExpectedEvent(NamedTuple):
    """One event of a run, as far as an expectation names it."""

    kind: str  # as in outcome.Event
    call: str = ""  # of an "enter": the name of the dispatched call
    addr: int = 0  # of an "enter" or a signal
    data: int | None = None  # of a signal: the faulting data address; None is not compared


class Expectation(NamedTuple):
    """What an op shall yield."""

    text: str  # as written
    events: tuple[ExpectedEvent, ...] = ()  # of a run
    result: Result | None = None  # None: of a run that neither fails nor panics


def parse_expectation(text: str, call: str, file: str = "<string>", line: int = 1, column: int = 1) -> Expectation:
    """The expectation `text` of an op `call`, whose first character stands at the given place. Raises TextError."""
    where = _Where(file, line)
    if call == "run":
        return _parse_run(text, where, column)
    return Expectation(text, result=_parse_result(text, call, where, column))


def compare(expectation: Expectation, step: Step) -> str | None:
    """None if the step is as expected, else one line that says what was expected and what came."""
    if len(expectation.events) == len(step.events) and all(map(_is_event, expectation.events, step.events)):
        ended_well = step.events and not isinstance(step.result, str)
        if expectation.result == (None if ended_well else step.result):
            return None
    return f"expected {expectation.text}, got {render(step)}"


def render(step: Step) -> str:
    """What a step yielded, in the words of an expectation."""
    parts = [_render_event(event) for event in step.events]
    if not parts or isinstance(step.result, str):
        parts.append(_render_result(step.result))
    return "; ".join(parts)


class _Where(NamedTuple):
    file: str
    line: int

    def error(self, column: int, message: str) -> TextError:
        return TextError(self.file, self.line, column, message)


def _parse_run(text: str, where: _Where, column: int) -> Expectation:
    events: list[ExpectedEvent] = []
    result: str | None = None
    over = ""
    for part in text.split(";"):
        word = part.strip()
        start = column + len(part) - len(part.lstrip())
        if over:
            raise where.error(start, f"expectation of run: {over} ends a run, nothing can follow")
        if word == PANIC or (word in ERRNO and not events):
            result = over = word
        else:
            events.append(_parse_event(word, where, start))
            over = word if word in _ENDS else ""
        column += len(part) + 1
    return Expectation(text, tuple(events), result)


def _parse_event(text: str, where: _Where, column: int) -> ExpectedEvent:
    if text in _ENDS:
        return ExpectedEvent(text)
    if match := _ENTER_TEXT.fullmatch(text):
        return ExpectedEvent(_ENTER, match[1], _parse_number(match[2], where, column + match.start(2)))
    match = _SIGNAL_TEXT.fullmatch(text)
    if match is None:
        raise where.error(column, f"expectation of run: unexpected {quote(text)}; supported: {_EVENTS}")
    if match[1] not in SIGNAL:
        raise where.error(column, f"expectation of run: {unknown('signal', match[1], SIGNAL)}")
    addr = _parse_number(match[2], where, column + match.start(2))
    data = None if match[3] is None else _parse_number(match[3], where, column + match.start(3))
    return ExpectedEvent(match[1], addr=addr, data=data)


def _parse_number(text: str, where: _Where, column: int) -> int:
    value = number(text)
    if value is None or value > _MAX_VALUE:
        raise where.error(column, f"expectation: {quote(text)} is no number; supported: 0 to {_MAX_VALUE:#x}")
    return value


def _parse_result(text: str, call: str, where: _Where, column: int) -> Result:
    if text == PANIC or text in ERRNO:
        return text
    if call == "peek":
        match = _BYTES_TEXT.fullmatch(text)
        if match is None or len(match[1]) > 2 * MAX_PEEK:
            supported = f'"hex" of 1 to {MAX_PEEK} bytes, {_FAILURES}'
            raise where.error(column, f"expectation of peek: unexpected {quote(text)}; supported: {supported}")
        return bytes.fromhex(match[1])
    if text[:1].isdigit():
        return _parse_number(text, where, column)
    raise where.error(column, f"expectation of {call}: unexpected {quote(text)}; supported: a number, {_FAILURES}")


def _is_event(expected: ExpectedEvent, event: Event) -> bool:
    if expected.kind != event.kind:
        return False
    if expected.kind in _ENDS:
        return True
    if expected.kind == _ENTER and expected.call != _call(event):
        return False
    return expected.addr == event.addr and expected.data in (None, _data(event))


def _call(event: Event) -> str:
    assert event.reply is not None, "an entry that reached the dispatcher has a reply"
    return event.reply.call


def _data(event: Event) -> int | None:
    return None if event.attempt is None else event.attempt.data


def _render_event(event: Event) -> str:
    if event.kind in _ENDS:
        return event.kind
    if event.kind == _ENTER:
        return f"{_ENTER} {_call(event)} @{event.addr:#x}"
    data = _data(event)
    return f"{event.kind} @{event.addr:#x}" + ("" if data is None else f" at {data:#x}")


def _render_result(result: Result) -> str:
    if isinstance(result, str):
        return result
    if isinstance(result, bytes):
        return f'"{result.hex()}"'
    return f"{result:#x}" if result > _MAX_DIGIT else str(result)
