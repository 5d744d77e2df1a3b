"""The forecast is right about plain programs, and harmless about strange ones."""

from random import Random

from hypothesis import given

from strategies import programs
from sysfuzz.generate.fresh import fresh
from sysfuzz.generate.model import Area, Forecast
from sysfuzz.program.ir import Op, Program, Ref
from sysfuzz.program.layout import LAYOUTS
from sysfuzz.program.names import PAGE
from sysfuzz.program.outcome import NOSYSCALLS, View
from sysfuzz.program.text import parse
from sysfuzz.targets.table import Target


def own(forecast: Forecast) -> list[Area]:
    """The areas that the program itself has mapped, by address."""
    return sorted(area for area in forecast.areas if area.user)


def forecast_of(text: str) -> Forecast:
    """The forecast behind an amd64 program."""
    program = parse("mode amd64\n" + text).program
    return Forecast(program.mode, program.ops)


FLAGGED = "PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED|MAP_ANON|MAP_NOSYSCALLS, -1, 0)\n"
PLAIN = "PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)\n"


def test_a_process_is_born_with_stack_and_trampoline() -> None:
    """Nothing of that is the program's own."""
    forecast = Forecast("i386")
    layout = LAYOUTS["i386"]
    assert own(forecast) == []
    assert forecast.is_mapped(layout.stack, layout.stack_top)
    assert forecast.is_mapped(layout.trampoline, layout.trampoline + PAGE)
    assert not forecast.is_free(layout.stack, layout.stack_top)


def test_fixed_mappings_replace() -> None:
    """An overlay leaves the two ends of what was there."""
    forecast = forecast_of("mmap(0x10000, 0x3000, " + FLAGGED + "mmap(0x11000, 0x1000, " + PLAIN)
    assert own(forecast) == [
        Area(0x10000, 0x11000, 5, True, -1),
        Area(0x11000, 0x12000, 1, False, -1),
        Area(0x12000, 0x13000, 5, True, -1),
    ]


def test_unmapping_and_protecting_clip() -> None:
    """munmap makes a hole, mprotect changes the protection of a part and keeps the attribute."""
    forecast = forecast_of(
        "mmap(0x10000, 0x4000, " + FLAGGED + "munmap(0x11000, 1)\nmprotect(0x13000, 0x1000, PROT_NONE)\n"
    )
    assert own(forecast) == [
        Area(0x10000, 0x11000, 5, True, -1),
        Area(0x12000, 0x13000, 5, True, -1),
        Area(0x13000, 0x14000, 0, True, -1),
    ]
    assert forecast.is_free(0x11000, 0x12000)
    assert not forecast.is_mapped(0x10000, 0x12000)


def test_mremap_moves_grows_and_shrinks() -> None:
    """The attribute goes with the pages and into new ones; the old place is free."""
    moved = forecast_of("mmap(0x10000, 0x1000, " + FLAGGED + "mremap(0x10000, 0x1000, 0x20000, 0x2000, MAP_FIXED)")
    assert own(moved) == [Area(0x20000, 0x22000, 5, True, -1)]
    grown = forecast_of("mmap(0x10000, 0x1000, " + FLAGGED + "mremap(0x10000, 0x1000, 0, 0x2000, 0)")
    assert own(grown) == [Area(0x10000, 0x11000, 5, True, -1), Area(0x11000, 0x12000, 5, True, -1)]
    shrunk = forecast_of("mmap(0x10000, 0x2000, " + FLAGGED + "mremap(0x10000, 0x2000, 0, 0x1000, 0)")
    assert own(shrunk) == [Area(0x10000, 0x11000, 5, True, -1)]


def test_what_a_core_refuses_changes_nothing() -> None:
    """Bad flags, both sharing types, misaligned and out-of-bounds places, a taken target of mremap."""
    before = "mmap(0x10000, 0x1000, " + FLAGGED
    for line in (
        "mmap(0x10000, 0x1000, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_ANON|0x8, -1, 0)",
        "mmap(0x10000, 0x1000, PROT_READ, MAP_SHARED|MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)",
        "mmap(0x10000, 0x1000, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_INHERIT|MAP_ANON|MAP_NOSYSCALLS, -1, 0)",
        "mmap(0x10001, 0x1000, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)",
        "mmap(0, 0x20000, PROT_READ, MAP_PRIVATE|MAP_FIXED|MAP_ANON, -1, 0)",
        "munmap(0x10000, 0xffffffffffffffff)",
        "mremap(0x10000, 0x1000, 0x10000, 0x2001000, MAP_FIXED)",
    ):
        assert own(forecast_of(before + line)) == [Area(0x10000, 0x11000, 5, True, -1)], line


def test_places_that_a_core_chooses_have_a_name() -> None:
    """An address in a mapping without MAP_FIXED is named relative to its result, every other one by its number."""
    forecast = forecast_of("mmap(0, 0x2000, PROT_READ, MAP_PRIVATE|MAP_ANON, -1, 0)\nmmap(0x10000, 0x1000, " + PLAIN)
    start = forecast.results[0]
    assert forecast.name(start + 0x1800) == Ref(0, 0x1800)
    assert forecast.value(Ref(0, 0x1800)) == start + 0x1800
    assert forecast.name(0x10800) == 0x10800
    below = forecast.within(Area(start, start + PAGE, 1, False, 0), start - 1)
    assert below == Ref(0, (1 << 64) - 1)
    assert forecast.value(below) == start - 1


def test_forked_processes_part_and_vforked_share() -> None:
    """What a child maps is seen by its parent after vfork only; exec parts them."""
    change = "as(2)\nmmap(0x10000, 0x1000, " + PLAIN
    assert own(forecast_of("fork()\n" + change + "as(1)")) == []
    assert len(own(forecast_of("vfork()\n" + change + "as(1)"))) == 1
    assert own(forecast_of("vfork()\nas(2)\nexec()\nmmap(0x10000, 0x1000, " + PLAIN + "as(1)")) == []
    assert own(forecast_of("vfork()\n" + change + "exec()")) == []


def test_pokes_are_remembered() -> None:
    """Runs are aimed at them."""
    forecast = forecast_of("mmap(0x10000, 0x1000, " + PLAIN + 'poke(r0+0x10, "0f05c3")')
    assert forecast.sites == [(0x10010, 3)]


@given(programs())
def test_any_program_has_a_forecast(program: Program) -> None:
    """No valid program breaks it: one result for each op, areas in bounds and disjoint in every process."""
    forecast = Forecast(program.mode, program.ops)
    layout = LAYOUTS[program.mode]
    assert len(forecast.results) == len(program.ops)
    for areas in forecast.spaces.values():
        ends = [layout.vm_min]
        for area in sorted(areas):
            assert ends[-1] <= area.start < area.end
            ends.append(area.end)
        assert ends[-1] <= layout.vm_max


def flagged_pages(view: View) -> set[int]:
    """What the core reports."""
    regions = [region for region in view.regions if region.attributes & NOSYSCALLS]
    return {page for region in regions for page in range(region.start, region.end, PAGE)}


def test_plain_programs_are_forecast_right(reference: Target) -> None:
    """Of fresh programs without entries by code, which change the map unseen, 9 in 10 have the forecast flagged pages to the end."""
    right = total = 0
    for seed in range(400):
        program = fresh(Random(seed))
        ops = tuple(op if op.call != "run" else Op("munlockall") for op in program.ops)
        steps = reference.run(Program(program.mode, program.vendor, (), ops)).steps
        forecast = Forecast(program.mode, ops)
        if any(area.anchor >= 0 for areas in forecast.spaces.values() for area in areas):
            continue  # the core's own choice of a place
        total += 1
        expected = {view.pid: flagged_pages(view) for view in steps[-1].views}
        actual = {
            pid: {page for area in areas if area.flagged for page in range(area.start, area.end, PAGE)}
            for pid, areas in forecast.spaces.items()
        }
        right += all(actual[pid] == pages for pid, pages in expected.items())
    assert total > 300
    assert right > 0.9 * total
