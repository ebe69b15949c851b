"""Worked examples at the start of every prompt for vocabulary programs: small models learn the form from them."""

import itertools
from dataclasses import dataclass

from attention_programs.sparse_search.evidence import HeadEvidence, PatternShare, QuerySink


@dataclass(frozen=True)
class WorkedExample:
    """Evidence on an invented head, and the reply that it calls for."""

    evidence: HeadEvidence
    reply: str


def _sinks(**first_token: float) -> tuple[QuerySink, ...]:
    return tuple(itertools.starmap(QuerySink, first_token.items()))


EXAMPLES = (
    WorkedExample(
        HeadEvidence(
            head="L90H1",
            first_token=0.55,
            self_token=0.04,
            previous_token=0.24,
            entropy=1.6,
            most_entropy=4.6,
            patterns=(
                PatternShare("text.previous_token", 0.24, 7.1),
                PatternShare("text.previous_word", 0.26, 6.0),
                PatternShare("text.current_clause", 0.29, 1.9),
            ),
            queries=_sinks(comma=0.93, full_stop=0.9, newline=0.88, digit=0.41, verb_like=0.4, word_continuation=0.12),
            excerpts=(),
        ),
        '''```python
def program(text):
    """Attends to the previous word; rests on the first token, most of all from punctuation."""
    return 0.24 * text.previous_word + 0.5 * text.first_token + 0.4 * text.query.punctuation * text.first_token
```

```python
def program(text):
    """Attends to the previous token and a little to the clause; rests on the first token."""
    return 0.24 * text.previous_token + 0.01 * text.current_clause + 0.55 * text.first_token
```''',
    ),
    WorkedExample(
        HeadEvidence(
            head="L91H7",
            first_token=0.18,
            self_token=0.22,
            previous_token=0.03,
            entropy=2.9,
            most_entropy=4.6,
            patterns=(
                PatternShare("text.same_token", 0.21, 9.3),
                PatternShare("text.key.article", 0.2, 4.4),
                PatternShare("text.decay(32)", 0.38, 1.3),
            ),
            queries=_sinks(article=0.35, determiner=0.33, preposition=0.31, name_like=0.09, bracket=0.08, digit=0.05),
            excerpts=(),
        ),
        '''```python
def program(text):
    """Attends to earlier copies of the token and to itself; rests a little on the first token."""
    return 0.21 * text.same_token + 0.22 * text.self_token + 0.18 * text.first_token
```

```python
def program(text):
    """Attends to articles, to itself and to copies of the token up to about 32 back."""
    return 0.05 * text.key.article * text.uniform + 0.22 * text.self_token + 0.3 * text.near_same_token(32)
```''',
    ),
)
