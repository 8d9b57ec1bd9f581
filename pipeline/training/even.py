"""An order of rows that several processes can share evenly and that survives a resumption.

The last batches of an epoch are filled up with blank rows, which nothing is learnt from. Otherwise its first rows would
be learnt twice in it. And accelerate's shards of a data set begin with the first epoch's order again when resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipeline.engine.rows import Row
from pipeline.training import ranks
from pipeline.training.examples import IGNORED


def blanks(rows: int, batch_size: int) -> int:
    """How many are needed: every process takes as many whole batches as the others. One process needs none."""
    return -rows % (batch_size * ranks.count()) if ranks.count() > 1 else 0


def blank_row(pad: int) -> Row:
    return {"input_ids": [pad], "labels": [IGNORED]}


def is_blank(row: Row) -> bool:
    return bool(row["labels"] == [IGNORED])


def ordered(
    trainer: type[Any],
    rows: int,
    blank: int,
    an_epoch: int,
    seed: int,
    order: Callable[[int], Iterable[int]] | None = None,
) -> type[Any]:
    """`trainer`, a class of transformers, made to take its data as one process would, and blanks last in every epoch.

    The data set holds `rows` and behind them `blank` rows without a label; `an_epoch` optimizer steps go over it.
    `order`: of an epoch's number, counted from 0, the rows as it takes them; without one they are shuffled by the seed.
    """
    if ranks.count() == 1 and order is None:
        return trainer
    from accelerate.data_loader import SeedableRandomSampler
    from torch.utils.data import Sampler

    def shuffled(epoch: int) -> Iterable[int]:
        sampler = SeedableRandomSampler(range(rows), data_seed=seed)
        sampler.set_epoch(epoch)
        return sampler  # type: ignore[no-any-return]

    class Order(Sampler):  # type: ignore[misc]
        def __init__(self, state: Any) -> None:
            self._state = state

        def __iter__(self) -> Iterator[int]:
            yield from (order or shuffled)(self._state().global_step // an_epoch)
            yield from range(rows, rows + blank)

        def __len__(self) -> int:
            return rows + blank

    class Even(trainer):  # type: ignore[misc]
        def _get_train_sampler(self, _: Any = None) -> Any:
            return Order(lambda: self.state)

    return Even
