"""Sentences of plain English and German, the same for every model: what a loss on them says is whether language is
left, not how good a model is. Ours, and in no set that the track makes."""

SENTENCES = (
    "The river rose in the night, and by morning the lower fields were under water.",
    "She put the kettle on, opened the window and listened to the rain.",
    "Most of the houses in the village were built of stone more than a hundred years ago.",
    "If you want to cross the mountains before winter, you should leave this week.",
    "He had forgotten his keys again, so he waited on the steps until his sister came home.",
    "The committee will meet on Thursday to discuss the budget for the coming year.",
    "Birds that live near the coast often eat small fish, insects and seeds.",
    "There was nothing in the letter that she did not already know.",
    "Der Zug hatte Verspätung, und auf dem Bahnsteig war es kalt.",
    "Im Sommer sitzen die Leute abends lange vor dem Haus und erzählen.",
    "Wer früh aufsteht, sieht die Sonne über den Feldern aufgehen.",
    "Das alte Buch lag seit Jahren ungelesen im Regal.",
)
