"""Choices come from the given generator alone and are as likely as they say."""

from random import Random

from sysfuzz.generate.dice import Dice


def test_choices_repeat_with_the_seed() -> None:
    """The same seed gives the same choices."""

    def choices(seed: int) -> list[object]:
        dice = Dice(Random(seed))
        return [(dice.chance(0.5), dice.below(1 << 40), dice.pick("abcdef")) for _ in range(50)]

    assert choices(1) == choices(1)
    assert choices(1) != choices(2)


def test_every_value_in_range_appears_and_no_other() -> None:
    """below(n) is 0 to n - 1, pick takes each element."""
    dice = Dice(Random(3))
    assert {dice.below(7) for _ in range(500)} == set(range(7))
    assert {dice.pick((1, 2, 3)) for _ in range(100)} == {1, 2, 3}


def test_chance_is_the_share() -> None:
    """chance(0.25) is true in about a quarter of the cases, chance(0) never, chance(1) always."""
    dice = Dice(Random(4))
    assert 900 < sum(dice.chance(0.25) for _ in range(4000)) < 1100
    assert not any(dice.chance(0) for _ in range(100))
    assert all(dice.chance(1) for _ in range(100))
