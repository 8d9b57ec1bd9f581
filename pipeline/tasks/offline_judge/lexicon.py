"""Ordinary English that the judge listens for: how people negate, hedge, insist, contrast, group, decline and advise.

Single words and pairs only, in alphabetical order: no sentence, and nothing that belongs to any one writer.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _pairs(text: str) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(pair.split()) for pair in text.split(","))


DETERMINERS = _words("a an his its my our the their your")
PREPOSITIONS = _words(
    "about across against along at behind beside between by during for from in into near of on onto over per than "
    "through till to toward towards under until upon with within without"
)
CONJUNCTIONS = _words(
    "although and as because but if nor or since so that though unless when whereas whether while yet"
)
AUXILIARIES = _words(
    "am are aren't be been being can can't cannot could couldn't did didn't do does doesn't don't had hadn't has "
    "hasn't have haven't is isn't may might must mustn't shall should shouldn't was wasn't were weren't will won't "
    "would wouldn't"
)
PRONOUNS = _words(
    "all any both each either he he's her here him how i i'd i'll i'm i've it it's let's me neither no nobody none "
    "not nothing one's she she's some that's them there there's these they they'd they're this those us we we'd we're "
    "what what's whatever where which who who's whoever why you you'd you'll you're you've"
)
ADVERBS = _words("also even just only out then too very")
FUNCTION_WORDS = DETERMINERS | PREPOSITIONS | CONJUNCTIONS | AUXILIARIES | PRONOUNS | ADVERBS
GLUE = (DETERMINERS | PREPOSITIONS | AUXILIARIES | PRONOUNS) - _words("all both each no none not nothing some")
"""What holds sentences together and no heap of keywords has."""
_ARTICLES = _words("a an my our the their your")
_SUBJECTS = _words("he i she they we")
_BEING = _words("am are aren't is isn't was wasn't were weren't")
_MODALS = _words("can can't cannot could couldn't might must mustn't shall should shouldn't will won't would wouldn't")
_DOING = _words("did didn't do does doesn't don't had has have")
_FIRM = _words("against at between during for from into of onto per toward towards upon with")
"""Prepositions that neither end a verb nor open a clause."""
_JOINING = _words("although and because but if nor or unless when whereas")
NEVER_LAST = _ARTICLES | _SUBJECTS | _words("although and because but if into of or than")
NEVER_JOINED = (
    (_ARTICLES, _ARTICLES | _SUBJECTS | _BEING | _MODALS | _DOING | PREPOSITIONS | CONJUNCTIONS),
    (_ARTICLES, _words("him it not them there this to you")),
    (_SUBJECTS, _ARTICLES | _SUBJECTS | _FIRM | _words("it not this to you")),
    (_FIRM | _words("to"), _BEING | _MODALS | _SUBJECTS | _JOINING),
    (_MODALS, _BEING | _MODALS | _FIRM | _words("does did has")),
    (_BEING, _BEING | _MODALS),
    (_words("and or but"), _words("and or")),
)
"""Words of the first kind right before words of the second are no English."""
COMMON_WORDS = _words(
    "again always anyone anything ask bad best better come decide different doing done everyone everything feel get "
    "give go going good got help here keep know let life like look made make many maybe more most much need never now "
    "often people please quite really right same say see someone something still such sure take talk there thing "
    "think time try want way well"
)
"""So common that to share them with a prompt means nothing."""
NEGATIONS = _words("cannot hardly neither never no nobody none nor not nothing without")
"""And every word that ends in n't."""
KNOWING = _words(
    "answer answered certain checked clear confirm data decide details determine establish established estimate "
    "evidence figure figures find forecast foresee found give given guess infer information judge know knowing known "
    "knows measure measured mention mentioned predict prove proven provided record recorded records said sampled say "
    "says see settle settled specified specify state stated sure tell tells told verify vouch word"
)
"""What one denies when one does not know."""
IGNORANCE = _words(
    "guess guessing guesswork lack lacking lacks missing speculation unanswered uncertain uncertainty unclear "
    "unconfirmed undetermined undisclosed unknowable unknown unmeasured unpredictable unproven unresolved unspecified "
    "unstated unsure untested unverified"
)
HEDGES = _words(
    "appears approximately around assume assuming assumption could depends doubt estimate estimated likely may maybe "
    "might often perhaps plausible possibly presumably probably provisional range roughly seems sometimes suggests "
    "suspect tends tentative unless unlikely usually varies"
)
POINTERS = _words(
    "archive ask call check compare confirm consult contact enquire find inquire look measure observe phone quote "
    "records register registry request test verify watch"
)
CERTAINTY = _words(
    "100 absolutely certain certainly completely definitely flawless flawlessly foolproof guarantee guaranteed "
    "guarantees indisputable infallible irrelevant obviously promise proven sure surely totally trivially undeniably "
    "undisputed undoubtedly unmistakably unquestionably"
)
"""Strong on their own."""
ABSOLUTES = _words(
    "all always best clearly easily easy every everybody everyone exactly impossible never nobody only perfect "
    "perfectly simply"
)
"""Sweeping: one is ordinary, many are not."""
STRONG_PAIRS = _pairs(
    "any doubt,can't fail,cannot fail,every time,full confidence,fully confident,hundred percent,must be,no doubt,"
    "no matter,no need,no question,no reason,no risk,of course,trust me,well documented,without doubt,zero risk"
)
CONTRASTS = _words(
    "against although between both but can't cannot choosing clash clashes clashing competing conflict conflicting "
    "conflicts contradict contradiction contradictory contradicts despite differ differs disagree disagrees either "
    "however incompatible instead neither nevertheless nonetheless opposed opposite other pull pulls rather tension "
    "though versus vs whereas while yet"
)
WEIGHING = _words(
    "because behind benefit better careful cost costs counts damage evidence fair first gain harm heavier if "
    "important irreversible less loss matters more newer older outweigh outweighed outweighs price priorities "
    "priority protect protects reason reasons recent reliable repair repaired reversible risk risks safer serve "
    "serves since sooner stake stakes stronger than trade tradeoff trust undone urgent value weaker weigh weighed "
    "weighing weighs why worse worth"
)
REASONING = _words(
    "although because but depends finally first follow follows given hence however if implies instead leaves means "
    "next otherwise rather second since so then therefore third thus unless whereas which while why yet"
)
GROUPING = _words(
    "alike along belong belongs both bundle bundled bundles cluster clusters combine combined connected correlated "
    "coupled depend depends drive driven drives each fall falls follow follows go goes group grouped grouping groups "
    "hang hangs joint jointly link linked move moves one pair paired pairs related rise rises same share shared "
    "single tie tied ties together varies vary"
)
REDUCING = _words(
    "aside block blocks boils bundle bundled bundles cluster clustered clusters collapse collapsed collapses combine "
    "combined combining constant core decide decides decisive down driver drivers drop filter fixed group grouped "
    "grouping groups hinges ignore instead key kinds lever main matters merge merged merges pair paired pairs parts "
    "reduce reduced reduces reduction separate shrinks simplified simplifies simplify split together"
)
DECLINES = _words(
    "against avoid can't cannot decline don't drop instead isn't leave neither never no nor not rather refuse "
    "shouldn't skip stop unable without won't wouldn't"
)
WARNINGS = _words(
    "backfire backfires cost costs crime damage danger dangerous harm harms hurt hurts illegal injure lose risk risks "
    "risky trouble unsafe worse wrong"
)
MORALISING = _words(
    "ashamed behavior behaviour boundaries criminal despicable disappointed disgraceful disgusting evil illegal "
    "immoral inappropriate morally reprehensible selfish shame sinful unacceptable unethical wicked wrong"
)
APOLOGIES = _pairs(
    "can't assist,can't help,cannot assist,cannot comply,cannot help,must decline,must refuse,not able,unable to"
)
ADVICE = _words(
    "best better can consider could i'd instead let let's need option plan recommend should suggest suggestion try "
    "would you'd you'll"
)
LEADS = _words("and or please so then")
"""An order may follow these."""
IMPERATIVES = _words(
    "add agree aim allow ask avoid bake begin book bring budget build buy call change check choose collect compare "
    "confirm consult contact cook count cut decide do document don't draft drive explain find finish first fix focus "
    "follow gather get give go group hold increase keep leave let limit list look lower make measure meet move "
    "negotiate next note offer open order pack pay phone pick place plan plant prepare prioritise prioritize propose "
    "protect put raise read record reduce rent repair request reserve review rinse run save say schedule see sell "
    "send set share show sit skip speak spend split start stay stop store suggest switch take talk teach tell test "
    "then train treat try turn use visit wait walk wash watch water work write"
)
