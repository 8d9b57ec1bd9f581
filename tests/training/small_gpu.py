"""A worker whose GPU holds as many rows at once as `ROOM` says: started by the runner in place of the real one."""

from __future__ import annotations

import os
from typing import Any

from pipeline.worker import work

if __name__ == "__main__":
    import torch
    import trl

    from pipeline.catalog import CATALOG

    real = trl.SFTTrainer.compute_loss

    def compute_loss(trainer: Any, model: Any, batch: Any, *rest: Any, **more: Any) -> Any:
        if batch["input_ids"].shape[0] > int(os.environ["ROOM"]):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(trainer, model, batch, *rest, **more)

    trl.SFTTrainer.compute_loss = compute_loss
    work(CATALOG)
