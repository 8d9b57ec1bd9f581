"""Our own traces and scores, from this workspace or another: ids, types and split stay as they are."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.engine.rows import Row
from pipeline.tasks.ingest.conversation import About, Conversation, LeftOut, Turn
from pipeline.tasks.records import Category, Finish, Split, TraceType


class _Given(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class GivenMessage(_Given):
    role: Literal["system", "user", "assistant"]
    content: str


class GivenTrace(_Given):
    id: str
    prompt_id: str
    category: Category
    split: Split
    type: TraceType | Literal["ingested"]
    sample: int
    messages: list[GivenMessage]
    thought: str
    answer: str
    finish: Finish
    provider: str
    model: str


FIELDS = {*GivenTrace.model_fields, "source"}


def fits(row: Row) -> bool:
    return {"prompt_id", "messages", "answer", "finish"} <= row.keys()


def read(row: Row) -> Conversation:
    try:
        trace = GivenTrace.model_validate(row)
    except ValidationError as error:
        fault = error.errors()[0]
        reason = "invalid_text" if fault["type"] == "string_unicode" else "unknown_fields"
        raise LeftOut(reason, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from None
    if trace.finish != "stop":
        raise LeftOut("unfinished", trace.finish)
    turns = [Turn(message.role, message.content) for message in trace.messages]
    kept = trace.model_dump(include={"id", "prompt_id", "type", "sample", "provider"})
    answer = Turn("assistant", trace.answer, trace.thought)
    return Conversation([*turns, answer], About(trace.category, trace.split, model=trace.model), kept)
