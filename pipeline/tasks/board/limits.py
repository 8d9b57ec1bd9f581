"""The thresholds of the data board, in one table, each with its reason and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """A share above `amber` is amber, above `red` red; with `red` None it never stops anything."""

    name: str
    what: str
    amber: float
    red: float | None
    why: str
    mend: str
    fewest: int = 3
    """Hits below which it is green: one of three is a third, and means nothing."""


LIMITS = (
    Limit("cut_off", "asked for, and ended at the limit", 0.02, 0.10,
          "What is left leans towards the short, and a model learns that.", "Raise the teacher's max_tokens."),
    Limit("blocked", "asked for, and refused by the service or in words", 0.05, 0.20,
          "The topics that are refused go missing from the data.", "Read the quarantine; use another teacher."),
    Limit("invalid", "asked for, and not readable", 0.02, 0.10,
          "More than a slip means that prompt and reader do not fit each other.", "Read the quarantine's reasons."),
    Limit("unclosed_thoughts", "asked for, and never out of their think block", 0.01, 0.05,
          "Learnt from, they teach never to answer.", "Raise max_tokens; check the teacher's system prompt."),
    Limit("missing_thoughts", "answers without a thought", 0.05, None,
          "They are learnt in no-think mode: meant for some, rarely for many.", "Ask the teacher for its thoughts."),
    Limit("empty_answers", "answers without a word", 0.0, 0.01,
          "None is wanted; 1 % is a fault in a reader.", "Look at the examples; make these traces again.", fewest=1),
    Limit("short_answers", "answers of one or two words", 0.10, None,
          "Right for sums, thin for anything else.", "Look at the examples."),
    Limit("refusals", "answers that decline as a whole", 0.02, 0.10,
          "The plan allows no more refusals than before; what is in the data comes out of the model.",
          "Select by reward, reject them by mark, or use another teacher."),
    Limit("exact_duplicates", "rows that were there before", 0.01, 0.10,
          "A row seen twice counts double; 10 % is a file read twice.", "Remove the copies; `ingest` does."),
    Limit("near_duplicates", "rows that share 80 % of their letters with an earlier one", 0.05, 0.25,
          "A quarter is a template, not a set of traces.", "Ask for more variety; lower per_prompt."),
    Limit("repeated_answers", "answers that stand word for word under another prompt", 0.05, 0.25,
          "The answer cannot depend on the prompt.", "Look at the examples; select by reward."),
    Limit("same_two_words", "texts that open with the same two words", 0.20, 0.50,
          "984 of 1000 once did, and so did the model that learnt from them.",
          "Vary the teacher's instructions; leave out a part of them.", fewest=10),
    Limit("same_three_words", "texts that open with the same three words", 0.10, 0.40,
          "The embedded teacher's most frequent opening has 2 %.",
          "Vary the teacher's instructions; leave out a part of them.", fewest=10),
    Limit("other_language", "answers in another language than their prompt", 0.02, 0.20,
          "Some prompts ask for it; a fifth of all do not.", "Tell the teacher to answer in the prompt's language."),
    Limit("control_tokens", "texts with what only a chat template may write", 0.0, 0.05,
          "SFT leaves such rows out; many mean that another template's text was never taken apart.",
          "Look at the examples; `ingest` leaves them out.", fewest=1),
    Limit("leaked_prompts", "held-out prompts that stand in training too", 0.0, 0.005,
          "What is measured on them is memory.", "Split by problem: leave `split` to the stage.", fewest=1),
    Limit("near_leaked_prompts", "held-out prompts near to one in training", 0.01, 0.05,
          "Nearly the same question has nearly the same answer.", "Give a problem's variants the same `problem`.",
          fewest=1),
    Limit("overlapping_prompts", "held-out prompts of which training holds half, in runs of 8 words", 0.05, 0.20,
          "Shared passages, such as a text that is asked about, make them easier than they look.",
          "Give questions about one text the same `problem`."),
    Limit("reward_ceiling", "rewards at 1", 0.50, None,
          "Where most are perfect the judge ranks nothing.", "Ask for harder prompts, or a stricter rubric."),
    Limit("reward_floor", "rewards at 0", 0.30, None,
          "Where many are worthless there is little to choose from.", "Read some; check the judge: `judge_report`."),
    Limit("flat_groups", "prompts whose traces all have the same reward", 0.20, None,
          "They say nothing of what is better, and give GRPO no gradient.", "Ask for harder prompts or more samples."),
)  # fmt: skip
"""Every gate, in the order of the board. Names are stable: settings and scripts refer to them."""
