"""What an evaluation of a model in training finds out beside the validation loss: answers to prompts, plain language.

Answering is bounded: it takes no more than a share of the training's time, and says how much it took.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.engine.rows import Row
from pipeline.training.greedy import complete, too_long


@dataclass
class Examiner:
    """Of one training; `answers` turns raw texts with their tags into rows of metrics."""

    tokenizer: Any
    prompts: Sequence[str]
    """As the model reads them."""
    answers: Callable[[Sequence[str]], Row]
    stops: Sequence[int]
    most: int
    """Tokens of an answer."""
    share: float
    """Of the training's time that answers may take."""
    last: int
    """The training's last step, after which they are always asked."""
    plain: Sequence[str]
    """Sentences of plain language."""
    began: float
    """When the training did, by time.monotonic."""
    spent: float = 0.0
    """Seconds on answers."""
    asked: int = 0
    skipped: int = 0

    def too_long(self, model: Any) -> int:
        """How many of the prompts leave no position for an answer."""
        return too_long(model, self.tokenizer, self.prompts) if self.prompts else 0

    def plain_loss(self, model: Any) -> float:
        """Mean loss of a token of the plain sentences."""
        import torch

        room = int(model.config.max_position_embeddings)
        encoded = [row[:room] for row in self.tokenizer(list(self.plain), add_special_tokens=False)["input_ids"]]
        width, device = max(map(len, encoded)), next(model.parameters()).device
        ids = torch.zeros((len(encoded), width), dtype=torch.long, device=device)
        labels = torch.full((len(encoded), width), -100, device=device)
        for place, row in enumerate(encoded):
            ids[place, : len(row)] = labels[place, : len(row)] = torch.tensor(row, device=device)
        trained = model.training
        model.eval()
        with torch.no_grad():
            loss = model(input_ids=ids, labels=labels).loss.item()
        model.train(trained)
        return float(loss)

    def examine(self, model: Any, row: Row) -> Row:
        """The metrics of a step with what is found out after it."""
        found: Row = {}
        if self.plain:
            size = float(model.get_input_embeddings().weight.detach().float().square().mean().sqrt())
            found = {"plain_loss": self.plain_loss(model), "embedding_size": size}
        now = time.monotonic()
        due = self.asked == 0 or row["step"] >= self.last or self.spent <= self.share * (now - self.began)
        if self.prompts and due:
            texts = [
                str(self.tokenizer.decode(ids, skip_special_tokens=False))
                for ids in complete(model, self.tokenizer, self.prompts, most=self.most, stops=self.stops)
            ]
            self.asked += 1
            taken = time.monotonic() - now
            self.spent += taken
            found |= {**self.answers(texts), "prompts_seconds": taken}
        elif self.prompts:
            self.skipped += 1
        return {**row, **found}
