from __future__ import annotations

from random import Random

from pipeline.tasks.splitting import Unit, held_out


def test_rows_of_a_payload_stay_together_and_the_share_is_kept() -> None:
    units = [Unit(f"payload/{number % 100}") for number in range(1000)]
    found = held_out(units, 0.1, 7)
    assert len(found) == 100
    assert not {units[place].key for place in found} & {unit.key for at, unit in enumerate(units) if at not in found}
    assert held_out(units, 0, 7) == set()


def test_what_is_held_out_follows_from_keys_and_seed_and_not_from_the_order() -> None:
    units = [Unit(f"payload/{number}") for number in range(200)]
    keys = {units[place].key for place in held_out(units, 0.1, 7)}
    Random(1).shuffle(units)
    assert {units[place].key for place in held_out(units, 0.1, 7)} == keys
    assert {units[place].key for place in held_out(units, 0.1, 8)} != keys


def test_of_a_fact_one_row_at_least_is_trained_on() -> None:
    units = [Unit(f"question/{fact}/{form}", f"fact {fact}") for fact in range(50) for form in range(2)]
    found = held_out(units, 0.9, 7)
    assert len(found) == 50, "as many as can be spared"
    assert {unit.fact for at, unit in enumerate(units) if at not in found} == {unit.fact for unit in units}


def test_a_group_larger_than_the_share_is_left_where_it_is() -> None:
    units = [Unit("payload/yes")] * 90 + [Unit(f"payload/{number}") for number in range(10)]
    assert held_out(units, 0.05, 7) and not held_out(units, 0.05, 7) & set(range(90))
