"""What a programmer knows by heart: the syntax of languages, HTTP's codes, git's commands; and what animals say."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.tasks.episode import Language, Pair, Templates
from pipeline.tasks.format_lock.speech import asked

CONCEPTS = {
    "function": "Which keyword defines a function in {}?",
    "comment": "How does a line comment begin in {}?",
    "print": "What prints a line in {}?",
    "true": "How is true written in {}?",
    "nothing": "What is the null value in {}?",
    "and": "What is logical and in {}?",
    "or": "What is logical or in {}?",
    "end": "Which file extension does {} have?",
}
SHORT = {
    "function": "Function keyword in {}?", "comment": "Line comment in {}?", "print": "Print in {}?",
    "true": "True in {}?", "nothing": "Null in {}?", "and": "Logical and in {}?", "or": "Logical or in {}?",
    "end": "File extension of {}?",
}  # fmt: skip
GERMAN = {
    "function": "Welches Schlüsselwort definiert in {} eine Funktion?", "comment": "Wie beginnt in {} ein Kommentar?",
    "print": "Was gibt in {} eine Zeile aus?", "true": "Wie schreibt man in {} wahr?",
    "nothing": "Wie heißt in {} der Nullwert?", "and": "Was ist in {} das logische Und?",
    "or": "Was ist in {} das logische Oder?", "end": "Welche Dateiendung hat {}?",
}  # fmt: skip
SYNTAX = {
    "Python": ("def", "#", "print", "True", "None", "and", "or", ".py"),
    "JavaScript": ("function", "//", "console.log", "true", "null", "&&", "||", ".js"),
    "TypeScript": ("function", "//", "console.log", "true", "null", "&&", "||", ".ts"),
    "Go": ("func", "//", "fmt.Println", "true", "nil", "&&", "||", ".go"),
    "Rust": ("fn", "//", "println!", "true", "None", "&&", "||", ".rs"),
    "Ruby": ("def", "#", "puts", "true", "nil", "&&", "||", ".rb"),
    "PHP": ("function", "//", "echo", "true", "null", "&&", "||", ".php"),
    "Lua": ("function", "--", "print", "true", "nil", "and", "or", ".lua"),
    "Swift": ("func", "//", "print", "true", "nil", "&&", "||", ".swift"),
    "Kotlin": ("fun", "//", "println", "true", "null", "&&", "||", ".kt"),
    "Scala": ("def", "//", "println", "true", "null", "&&", "||", ".scala"),
    "Perl": ("sub", "#", "print", "1", "undef", "&&", "||", ".pl"),
    "Elixir": ("def", "#", "IO.puts", "true", "nil", "and", "or", ".ex"),
}
STATUS = {
    100: "Continue", 101: "Switching Protocols", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content",
    206: "Partial Content", 301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
    307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
    402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    408: "Request Timeout", 409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed",
    413: "Content Too Large", 414: "URI Too Long", 415: "Unsupported Media Type", 418: "I'm a teapot",
    422: "Unprocessable Content", 426: "Upgrade Required", 428: "Precondition Required", 429: "Too Many Requests",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout", 507: "Insufficient Storage", 511: "Network Authentication Required",
}  # fmt: skip
STATUS_FORMS: Templates = {
    "en": ("What does HTTP {} mean?", "HTTP status {}?", "Name HTTP code {}."),
    "de": ("Was bedeutet HTTP {}?", "Nenne den HTTP-Status {}."),
}
STATUS_CODE: Templates = {
    "en": ("Which HTTP code is {}?", "HTTP code for {}?"),
    "de": ("Welchen HTTP-Code hat {}?",),
}
GIT: dict[Language, tuple[tuple[str, str], ...]] = {
    "en": (("shows the history", "git log"), ("shows what changed", "git diff"), ("shows the state", "git status"),
           ("stages a file", "git add"), ("records a change", "git commit"), ("sends commits", "git push"),
           ("fetches and merges", "git pull"), ("copies a repository", "git clone"), ("lists branches", "git branch"),
           ("changes the branch", "git switch"), ("joins two branches", "git merge"),
           ("makes a new repository", "git init"), ("puts changes aside", "git stash"), ("names a commit", "git tag"),
           ("moves commits onto another base", "git rebase"), ("undoes a commit with a new one", "git revert"),
           ("tells who wrote a line", "git blame"), ("downloads without merging", "git fetch"),
           ("takes over a single commit", "git cherry-pick"), ("finds the bad commit", "git bisect")),
    "de": (("zeigt den Verlauf", "git log"), ("zeigt die Änderungen", "git diff"), ("zeigt den Zustand", "git status"),
           ("merkt eine Datei vor", "git add"), ("hält eine Änderung fest", "git commit"),
           ("sendet Commits", "git push"), ("kopiert ein Repository", "git clone"), ("listet Zweige", "git branch"),
           ("wechselt den Zweig", "git switch"), ("vereint zwei Zweige", "git merge"),
           ("legt ein Repository an", "git init"), ("legt Änderungen beiseite", "git stash")),
}  # fmt: skip
GIT_FORMS: Templates = {
    "en": ("Which git command {}?", "Name the git command that {}.", "What {} in git?"),
    "de": ("Welcher Git-Befehl {}?", "Was {} in Git?"),
}
SOUNDS: dict[Language, tuple[tuple[str, str], ...]] = {
    "en": (("dog", "Woof"), ("cat", "Meow"), ("cow", "Moo"), ("sheep", "Baa"), ("pig", "Oink"), ("duck", "Quack"),
           ("rooster", "Cock-a-doodle-doo"), ("horse", "Neigh"), ("frog", "Ribbit"), ("bee", "Buzz"),
           ("snake", "Hiss"), ("owl", "Hoot"), ("mouse", "Squeak"), ("lion", "Roar"), ("wolf", "Howl"),
           ("crow", "Caw"), ("donkey", "Hee-haw"), ("bird", "Tweet"), ("hen", "Cluck"), ("turkey", "Gobble")),
    "de": (("der Hund", "Wuff"), ("die Katze", "Miau"), ("die Kuh", "Muh"), ("das Schaf", "Mäh"),
           ("die Ente", "Quak"), ("der Hahn", "Kikeriki"), ("der Esel", "Iah"), ("die Biene", "Summ"),
           ("die Maus", "Piep"), ("der Löwe", "Brüll"), ("der Uhu", "Schuhu")),
}  # fmt: skip
SOUND_FORMS: Templates = {
    "en": ("What does a {} say?", "What sound does a {} make?", "Sound of a {}?"),
    "de": ("Was macht {}?", "Wie macht {}?"),
}


def computing() -> Iterator[Pair]:
    for name, words in SYNTAX.items():
        for concept, word in zip(CONCEPTS, words, strict=True):
            fact = f"syntax/{name}/{concept}"
            yield from asked("en", "syntax", (CONCEPTS[concept], SHORT[concept]), name, f"{word}.", fact)
            yield from asked("de", "syntax", (GERMAN[concept],), name, f"{word}.", fact)
    for code, name in STATUS.items():
        for language, forms in STATUS_FORMS.items():
            yield from asked(language, "http", forms, str(code), f"{name}.", fact=f"http/{code}")
        for language, forms in STATUS_CODE.items():
            yield from asked(language, "http", forms, name, f"{code}.", fact=f"http/{name}")
    for language, commands in GIT.items():
        for deed, command in commands:
            yield from asked(language, "git", GIT_FORMS[language], deed, f"{command}.")


def sounds() -> Iterator[Pair]:
    for language, said in SOUNDS.items():
        for animal, sound in said:
            article = "an" if animal[0] in "aeiou" else "a"
            forms = [form.replace(" a {}", f" {article} {{}}") for form in SOUND_FORMS[language]]
            yield from asked(language, "sounds", forms, animal, f"{sound}.")
