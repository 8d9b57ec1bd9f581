"""Who answers in an examination: a model of ours in batches, or whoever stands behind a provider. One kind of row."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from pipeline.engine.fanout import fanout
from pipeline.engine.rows import Row, RowWriter, mend_torn_tail, read_rows, write_rows
from pipeline.engine.stage import Context
from pipeline.providers.account import open_account
from pipeline.providers.contestant import Answered, answer_to
from pipeline.providers.provider import ProviderSettings, Request
from pipeline.tasks import teaching
from pipeline.tasks.comparison import outcome_of
from pipeline.tasks.examination import Question
from pipeline.tasks.offline_teacher.write import NAME, can_write, write
from pipeline.tasks.records import Prompt, split_thought
from pipeline.training.load import positions


def _answered(row: Row, said: Answered) -> Row:
    return {
        **row,
        "thought": said.thought,
        "answer": said.answer,
        "finish": said.finish,
        "outcome": outcome_of(said.finish, said.answer),
        "tokens": said.tokens,
        **({"model": said.model} if said.model else {}),
        **({"why": said.why} if said.why else {}),
    }


def _show(context: Context, row: Row) -> None:
    kept = ("prompt_id", "category", "sample", "thought", "answer", "outcome", "tokens")
    told = {key: row[key] for key in kept}
    context.emit.item("answer", contestant=context.step, set=row["set"], prompt=row["messages"][-1]["content"], **told)


def ask_model(context: Context, asked: Sequence[Question], rows: Sequence[Row], path: Path) -> Row:
    """All that is not there yet, in batches of one model that is loaded once."""
    from pipeline.training.bits import no_nf4
    from pipeline.training.generate import Sampling, generate_batches

    config = context.config
    model, adapter = context.inputs["model"], context.inputs.get("adapter")
    in_4bit = config.load_in_4bit
    if in_4bit and (missing := no_nf4()):
        context.in_effect("load_in_4bit", True, False, missing)
        in_4bit = False
    if (room := positions(model)) <= config.max_tokens:
        why = "the model has no more positions"
        context.in_effect("max_tokens", config.max_tokens, f"{room}, the prompt included", why)
    mend_torn_tail(path)
    there = {row["id"]: row for row in read_rows(path)} if path.exists() else {}
    places = {(question.set, question.prompt_id): place for place, question in enumerate(asked)}
    jobs = {(places[row["set"], row["prompt_id"]], row["sample"]): row for row in rows}
    done = {job for job, row in jobs.items() if row["id"] in there}
    system = [{"role": "system", "content": config.system_prompt}] if config.system_prompt else []
    batches = generate_batches(
        model,
        [_with_system(system, question) for question in asked],
        Sampling(config.max_tokens, config.temperature, config.top_p, config.thinking),
        seed=context.seed,
        batch_size=config.batch_size,
        samples=[question.samples for question in asked],
        done=done,
        in_4bit=in_4bit,
        adapter=adapter,
    )
    context.check_stop()
    with RowWriter(path) as file:
        for batch in batches:
            for job, completion in batch:
                if job in done:
                    continue
                thought, answer, _ = split_thought(completion.text)
                said = Answered(thought, answer, completion.finish, completion.tokens)
                row = _answered(jobs[job], said)
                file.write(row)
                if len(there) < config.shown:
                    _show(context, row)
                there[row["id"]] = row
                context.emit.progress(len(there), len(rows), "answers")
            context.check_stop()
    # Answers come longest prompt first; the finished file has them as they were asked for.
    write_rows(path, (there[row["id"]] for row in rows))
    return {"kind": "adapter" if adapter else "model", "model": (adapter or model).name}


def _with_system(system: Sequence[Row], question: Question) -> list[Any]:
    """A model's template takes one system message: a prompt's own is added to the contestant's."""
    first, *others = question.messages
    if system and first["role"] == "system":
        return [{"role": "system", "content": f"{system[0]['content']}\n\n{first['content']}"}, *others]
    return [*system, *question.messages]


def ask_provider(context: Context, settings: ProviderSettings, rows: Sequence[Row], path: Path) -> tuple[Row, Row]:
    """Asked through the ledger, and so never twice. A request that fails for good is an answer of outcome invalid."""
    config = context.config
    if not config.thinking:
        context.in_effect("thinking", False, "its own", f"a provider of kind {settings.kind} is not told")

    def answer_all(answer: Callable[[Row], Answered]) -> None:
        number = itertools.count()
        fanout(
            context,
            rows,
            lambda row: _answered(row, answer(row)),
            path,
            settings.threads,
            each=lambda row: _show(context, row) if next(number) < config.shown else None,
        )

    if settings.kind == "offline":
        answer_all(lambda row: _embedded(row, context.seed))
        return {"kind": "offline", "model": NAME}, {}
    with open_account(settings, context, len(rows)) as account:
        if settings.batch:
            account.prefetch([_request(row, config) for row in rows])
        answer_all(lambda row: answer_to(account, _request(row, config)))
        spend = {"spend": account.summary()}
    models = sorted({row["model"] for row in read_rows(path) if "model" in row})
    kind = "gguf" if "gguf" in context.inputs else settings.kind
    return {"kind": kind, "model": ", ".join(models) or settings.model}, spend


def _request(row: Row, config: Any) -> Request:
    system, turns = teaching.ask(row["messages"], config.system_prompt, written=False)
    return Request(turns, system, sample=row["sample"], row={"id": row["id"]})


def _embedded(row: Row, seed: int) -> Answered:
    """The embedded teacher's best. It writes from a prompt's truth, which tests and probes do not have."""
    prompt = cast(Prompt, {**row, "id": row["prompt_id"], "problem": ""})
    if row["set"] != "heldout" or not can_write(prompt):
        return Answered("", "", "invalid", 0, NAME, "the embedded teacher cannot answer without a prompt's truth")
    thought, answer = write(prompt, "chosen", row["sample"], seed)
    return Answered(thought, answer, "stop", len(f"{thought} {answer}".split()), NAME)
