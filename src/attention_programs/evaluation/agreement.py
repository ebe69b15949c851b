"""Questions about which form of a verb agrees with its subject.

The label is the form that the author wrote, so the rules only have to find the places where the other form would also
be right, or where no reader could tell. They are strict: a lost question costs little, a wrong label much.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from attention_programs.corpora.text import Text
from attention_programs.evaluation.sentences import sentences

PLURAL_OF = {"is": "are", "was": "were", "has": "have", "does": "do"}
"""Singular forms and their plural forms."""
OTHER_FORM = PLURAL_OF | {plural: singular for singular, plural in PLURAL_OF.items()}
FEWEST_WORDS = 2
"""Minimum number of words before the verb; with fewer there is hardly a subject to agree with."""

_VERB = re.compile(rf" ({'|'.join(OTHER_FORM)})(?=[ ,.!?;])")
_MARK = re.compile(r"[,;:.!?\"()]")
_JOINED = re.compile(r"\band (\w+ ){0,2}\w+$")


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SINGULAR_PRONOUNS = _set("he she it this everyone everybody everything someone something nobody nothing")
_PLURAL_PRONOUNS = _set("they we these those")
_IRREGULAR_PLURALS = _set("men women children people feet teeth mice geese oxen")
_ADVERBS = _set("almost already always also even ever just never now often once only really still")
_OPEN = _set(
    "all any dozen each either enough few half less lot lots many more most much neither no none number of or "
    "pair percent plenty rest several some what"
)
_NO_HEAD = _set(
    "and as but her here hers him his how me mine nor or ours so than that theirs them there us what when where which "
    "who whom whose why yours"
)
_NUMERALS = _set(
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million"
)
_COLLECTIVES = _set(
    "audience band bunch choir city class club committee couple crew crowd family flock government group herd jury "
    "majority orchestra pack party police public school staff team town village world data media means news series "
    "deer fish moose salmon sheep shrimp species squid trout"
)
_MEASURES = _set(
    "seconds minutes hours days nights weeks months years miles feet meters kilometers inches dollars cents pounds"
)
_BEFORE_BARE_FORM = _set(
    "to will would shall should can could may might must do does did let lets make makes made help helps helped see "
    "saw hear heard watch watched feel felt please"
)
_UNREAL = _set("if though whether unless suppose wish wishes wished")
_PLACES = _set(
    "above across along among around at behind below beneath beside between by down from in inside into near next off "
    "on out outside over past through under up with"
)


@dataclass(frozen=True)
class VerbPlace:
    """One verb in its sentence: the words before it, the form that the author wrote, and the rest."""

    before: str
    verb: str
    after: str

    @property
    def words(self) -> list[str]:
        """Words before the verb, in lower case."""
        return re.findall(r"[a-z']+", self.before.lower())

    @property
    def segment(self) -> list[str]:
        """Words between the last punctuation mark and the verb, in lower case."""
        return re.findall(r"[a-z']+", _MARK.split(self.before)[-1].lower())

    @property
    def head(self) -> str:
        """The last word before the verb that is not an adverb: the head of a simple subject."""
        return next((word for word in reversed(self.segment) if word not in _ADVERBS), "")

    @property
    def singular(self) -> bool:
        """Whether the author wrote a singular form."""
        return self.verb in PLURAL_OF


def _looks_plural(noun: str) -> bool:
    return noun in _IRREGULAR_PLURALS or (noun.endswith("s") and not noun.endswith(("ss", "us", "is", "'s")))


def _doubt_about_subject(place: VerbPlace) -> str:
    if len(place.words) < FEWEST_WORDS:
        return "fewer than two words before the verb"
    if {"i", "you"} & set(place.words[-2:]):
        return "I and you take the plural form of some verbs and not of others"
    if not place.head:
        return "the subject does not stand directly before the verb"
    if place.head in _NO_HEAD | _NUMERALS or place.head.endswith("'s"):
        return f"{place.head!r} shows no number"
    return ""


def _doubt_about_verb(place: VerbPlace) -> str:
    if place.verb in ("was", "were") and _UNREAL & set(place.words):
        return "after if, though or wish both was and were are in use"
    if place.verb in ("have", "do") and _BEFORE_BARE_FORM & set(place.segment):
        return "an infinitive does not agree with anything"
    if place.head == "it" and re.search(r"\b(who|that)\b", place.after):
        return "in 'it was she who' the verb may follow either"
    return ""


def _doubt_about_noun(place: VerbPlace) -> str:
    if _OPEN & set(place.segment):
        return "amounts, alternatives and 'X of Y' take either form"
    if _COLLECTIVES & set(place.segment):
        return "a group is one or many"
    if place.head in _MEASURES and _NUMERALS & set(place.segment):
        return "a measure is one or many"
    if place.segment[0] in _PLACES and re.search(r",|\b(and|of)\b", place.after):
        return "in 'on the shelf was a cup and a jar' the subject may follow the verb, and be one or many"
    if place.singular and "and" in place.segment[1:4]:
        return "'bread and butter' is one or many"
    return ""


def doubt(place: VerbPlace) -> str:
    """Why the other form may also be right, or why a reader could not tell; empty if the label is safe.

    >>> doubt(VerbPlace("The red lamps", "were", " lit."))
    ''
    >>> doubt(VerbPlace("She acted as if she", "were", " ill."))
    'after if, though or wish both was and were are in use'
    """
    reason = _doubt_about_subject(place) or _doubt_about_verb(place)
    if reason:
        return reason
    joined = not place.singular and bool(_JOINED.search(" ".join(place.segment)))
    if place.head in _SINGULAR_PRONOUNS | _PLURAL_PRONOUNS:
        if (_PLACES | {"of"}) & set(place.segment[-2:-1]):
            return "in 'none of these' and 'under it' the pronoun is not the subject"
        plural = place.head in _PLURAL_PRONOUNS
    else:
        reason = _doubt_about_noun(place)
        if reason:
            return reason
        plural = _looks_plural(place.head)
    return "" if place.singular != (plural or joined) else "the word before the verb is not its subject"


def verb_places(sentence: str) -> list[VerbPlace]:
    """Every verb of a sentence that has another form.

    >>> verb_places("The dogs were glad.")
    [VerbPlace(before='The dogs', verb='were', after=' glad.')]
    """
    return [
        VerbPlace(sentence[: match.start()], match[1], sentence[match.end() :]) for match in _VERB.finditer(sentence)
    ]


def _story_questions(text: Text) -> list[dict[str, Any]]:
    found, previous = [], ""
    for sentence in sentences(text.content):
        for place in verb_places(sentence):
            if not doubt(place):
                right, wrong = place.verb + place.after, OTHER_FORM[place.verb] + place.after
                context = f"{previous} {place.before}".strip()
                found.append({"story": text.key, "verb": place.verb, "context": context, "choices": [right, wrong]})
                break
        previous = sentence
    return found


def agreement_questions(texts: list[Text], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Pairs that differ only in one verb, with as many singular as plural forms of each verb.

    Always choosing the more common form is thus right half of the time. Singular and plural alternate, so that this is
    also true of the first few.

    Returns:
        Dicts {story, verb, context: up to the verb, choices: the two endings, answer: the right one's index}.
    """
    everything = [q for text in sorted(texts, key=lambda text: text.key) for q in _story_questions(text)]
    singular, plural = [], []
    for pair in PLURAL_OF.items():
        ones, manys = ([question for question in everything if question["verb"] == verb] for verb in pair)
        balanced = min(len(ones), len(manys))
        singular += [ones[i] for i in rng.permutation(len(ones))[:balanced]]
        plural += [manys[i] for i in rng.permutation(len(manys))[:balanced]]
    order = rng.permutation(len(singular))
    questions = [question for i in order for question in (singular[i], plural[i])]
    for question, swap in zip(questions, rng.integers(2, size=len(questions)), strict=True):
        question["answer"] = int(swap)
        question["choices"] = question["choices"][::-1] if swap else question["choices"]
    return questions
