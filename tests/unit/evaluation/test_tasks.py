"""The questions that are made of stories, and the files that the paper's tasks are read from."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attention_programs.config import EvaluationSettings
from attention_programs.corpora.text import Text, text_key
from attention_programs.errors import UserError
from attention_programs.evaluation.accuracy import accuracy_interval, answer_table, change_interval, wilson_interval
from attention_programs.evaluation.agreement import OTHER_FORM, PLURAL_OF, agreement_questions, doubt, verb_places
from attention_programs.evaluation.continuation import CONTEXT_WORDS, ENDING_WORDS, continuation_questions, cuts
from attention_programs.evaluation.harness import TaskScore, load_tasks
from attention_programs.evaluation.paper_tasks import PAPER_TASKS, find_file, paper_task
from attention_programs.evaluation.sentences import passages, sentences

ANIMALS = ("fox", "mole", "hen", "cat", "owl", "frog")


def story(animal: str, split: Any = "test", corpus: str = "stories") -> Text:
    content = (
        f'The {animal} sat under the old tree and looked at the road. "Is it far?" the {animal} asked. '
        f"The stones were warm and the grass was dry, so nobody who lived there wanted to get up and walk. "
        f'"It is not far," said Mr. Bell, "but the bags of the {animal} are full."\n\n'
        f"Then the {animal} got up, shook the dust off and went down to the river with two friends. "
        f"They were glad that the {animal} was with them. The boats were small. "
        f"The water was cold, but the sun was out and the {animal} had a coat. "
        f"The {animal} and the friends were happy when the bell rang over the hills in the end. "
        f"That night the {animal} slept well and had a dream about boats and long roads and bells."
    )
    return Text(text_key(content), corpus, split, content)


STORIES = [story(animal) for animal in ANIMALS]


def test_sentences_keep_titles_and_speakers_together() -> None:
    text = 'Mrs. Novak waited. "Who is it?" the tall man asked. "I am!"\n\nShe left at ten... "Go," he said. "Now."'
    assert sentences(text) == [
        "Mrs. Novak waited.",
        '"Who is it?" the tall man asked.',
        '"I am!"',
        "She left at ten...",
        '"Go," he said.',
        '"Now."',
    ]


def test_sentences_of_nothing() -> None:
    assert sentences(" \n ") == []
    assert passages("No end") == ["No end"]


def test_passages_leave_no_quotation_open() -> None:
    found = passages('He sat. "One. Two," he said. "Three. Four." Five.')
    assert found == ["He sat.", '"One. Two," he said.', '"Three. Four."', "Five."]


def test_cuts_are_in_order_disjoint_and_of_the_stated_length() -> None:
    line = " ".join(STORIES[0].content.split())
    found = cuts(STORIES[0])
    assert len(found) >= 2
    rest = line
    for cut in found:
        assert len(cut.context.split()) in CONTEXT_WORDS
        assert len(cut.ending.split()) in ENDING_WORDS
        joined = f"{cut.context} {cut.ending}"
        assert joined in rest
        rest = rest.split(joined)[1]


def test_continuation_label_is_the_storys_own_ending() -> None:
    questions = continuation_questions(STORIES, np.random.default_rng(0))
    whole = {text.key: " ".join(text.content.split()) for text in STORIES}
    assert len(questions) >= 2 * len(STORIES)
    for question in questions:
        fitting = [f"{question['context']} {choice}" in whole[question["story"]] for choice in question["choices"]]
        assert len(set(question["choices"])) == 4
        assert fitting.count(True) == 1
        assert fitting.index(True) == question["answer"]
    assert len({question["answer"] for question in questions}) > 1


def test_equal_endings_are_offered_once() -> None:
    """A story that ends like another can't offer that ending as a wrong one."""
    twin = Text("twin", "stories", "test", "One day it began. " + STORIES[0].content)
    for question in continuation_questions([*STORIES, twin], np.random.default_rng(0)):
        assert len(set(question["choices"])) == 4


def test_continuation_needs_three_endings_of_other_stories() -> None:
    with pytest.raises(UserError, match=r"corpora\.limit"):
        continuation_questions(STORIES[:2], np.random.default_rng(0))
    assert continuation_questions(STORIES[:3], np.random.default_rng(0))


@pytest.mark.parametrize("make", [continuation_questions, agreement_questions])
def test_questions_depend_on_the_seed_and_on_no_order_of_texts(make: Any) -> None:
    first = make(STORIES, np.random.default_rng(3))
    assert make(STORIES[::-1], np.random.default_rng(3)) == first
    assert make(STORIES, np.random.default_rng(4)) != first


SAFE = [
    "The stones [were] warm.",
    "His old eyes [were] shut.",
    'He sat, and they [were] "late".',
    "Anna and her uncle [were] fishing.",
    "The three children [are] here.",
    "In the morning it [was] cold.",
    "Mr. Bell's dog [has] a bone.",
    "Now the king [does] not know.",
    "The wolf and the birds ran, but the hens [have] wings.",
    "The dogs never [do] that.",
    "He saw that his cousins [were] rude.",
    "The boy [was] a bit of a fool.",
]
DOUBTFUL = [
    ("It [was] cold.", "fewer than two words"),
    ("Now there [was] a cat.", "shows no number"),
    ("Once more I [was] late.", "I and you"),
    ("I think you [are] right.", "I and you"),
    ("She ran as if she [were] late.", "both was and were"),
    ("I wish that he [was] here.", "both was and were"),
    ("The hens wanted to [have] corn.", "infinitive"),
    ("He let the dogs [do] tricks.", "infinitive"),
    ("Now the hens could [have] corn.", "infinitive"),
    ("In fact it [was] the boys who ran.", "it was she who"),
    ("The man who [was] late ran.", "shows no number"),
    ("This book [is] his.", ""),
    ("The green one and hers [are] new.", "shows no number"),
    ("Only nine [were] sold.", "shows no number"),
    ("It had big eggs, and next to them [were] tiny ones.", "shows no number"),
    ("A lot of rain [was] coming.", "amounts"),
    ("Neither dog nor cat [was] in.", "amounts"),
    ("The king's family [was] rich.", "one or many"),
    ("The last ten miles [were] hard.", "measure"),
    ("On the shelf [was] a cup and a jar.", "may follow"),
    ("In the nest [were] four eggs.", "not its subject"),
    ("The box with the hats [was] red.", "not its subject"),
    ("Bread and butter [is] good.", "bread and butter"),
    ("The smallest toy, a mouse, [was] blue.", "directly before"),
    ("In the end some of these [were] lost.", "none of these"),
    ("The other house [was] Anna's, but Tom's [was] new.", "shows no number"),
]


def last_place(marked: str) -> Any:
    """The verb in the last brackets."""
    before, _, rest = marked.rpartition("[")
    sentence = (before + rest).replace("[", "").replace("]", "")
    (place,) = [p for p in verb_places(sentence) if len(p.before) + 1 == len(before.replace("[", "").replace("]", ""))]
    return place


@pytest.mark.parametrize("marked", SAFE)
def test_safe_verbs_are_taken(marked: str) -> None:
    assert doubt(last_place(marked)) == ""


@pytest.mark.parametrize(("marked", "reason"), DOUBTFUL)
def test_doubtful_verbs_are_skipped(marked: str, reason: str) -> None:
    assert reason in doubt(last_place(marked))
    assert bool(doubt(last_place(marked))) == bool(reason)


def test_agreement_label_is_the_authors_form_and_choices_differ_in_the_verb_alone() -> None:
    questions = agreement_questions(STORIES, np.random.default_rng(0))
    whole = {text.key: " ".join(text.content.split()) for text in STORIES}
    assert questions
    for question in questions:
        right, wrong = question["choices"][question["answer"]], question["choices"][1 - question["answer"]]
        assert f"{question['context']} {right}" in whole[question["story"]]
        verb, rest = right[: len(question["verb"])], right[len(question["verb"]) :]
        assert (verb, wrong) == (question["verb"], OTHER_FORM[verb] + rest)


def test_agreement_is_balanced_so_that_no_form_pays() -> None:
    questions = agreement_questions(STORIES, np.random.default_rng(0))
    verbs = [question["verb"] for question in questions]
    assert all(verbs.count(verb) == verbs.count(other) for verb, other in OTHER_FORM.items())
    singular = [verb in PLURAL_OF for verb in verbs]
    assert singular[::2] == [True] * (len(verbs) // 2)
    assert singular[1::2] == [False] * (len(verbs) // 2)


PIQA = {"goal": "to cut", "sol1": "use a knife", "sol2": "use a spoon", "label": 0}
ARC = {"id": "1", "question": "Which?", "choices": {"text": ["a sun", "a rock"], "label": ["1", "2"]}, "answerKey": "2"}
ROWS = {
    "hellaswag": {
        "activity_label": "Vault", "ctx_a": "A man [header] runs.", "ctx_b": "the man", "label": "1",
        "endings": ["stops [title] now.", "jumps."],
    },
    "piqa": PIQA,
    "sciq": {
        "question": "Who?", "distractor1": "A", "distractor2": "B", "distractor3": "C", "correct_answer": "D",
        "support": " A text.",
    },
    "arc_easy": ARC,
    "social_iqa": {
        "context": "Al ran.", "question": "Why?", "answerA": "a", "answerB": "b", "answerC": "c", "label": "3",
    },
    "copa": {"premise": "It rained.", "choice1": "He got wet.", "choice2": "He ate.", "question": "effect", "label": 0},
}  # fmt: skip
ASKED = {
    "hellaswag": ("Vault: A man runs. The man", ["stops. now.", "jumps."], 1),
    "piqa": ("Question: to cut\nAnswer:", ["use a knife", "use a spoon"], 0),
    "sciq": ("A text.\nQuestion: Who?\nAnswer:", ["A", "B", "C", "D"], 3),
    "arc_easy": ("Question: Which?\nAnswer:", ["a sun", "a rock"], 1),
    "social_iqa": ("Q: Al ran. Why?\nA:", ["a", "b", "c"], 2),
    "copa": ("It rained therefore", [" he got wet.", " he ate."], " he got wet."),
}


def write_rows(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", PAPER_TASKS)
def test_paper_tasks_ask_what_lm_eval_asks(name: str, tmp_path: Path) -> None:
    write_rows(tmp_path / f"{name}_validation.jsonl", ROWS[name])
    task = paper_task(name, str(tmp_path), limit=5)
    (question,) = task.eval_docs
    text, choices, answer = ASKED[name]
    assert task.doc_to_text(question) == text
    assert task.doc_to_choice(question) == choices
    assert task.doc_to_target(question) == answer


@pytest.mark.parametrize(
    ("name", "file", "others"),
    [
        ("hellaswag", "hellaswag_validation.jsonl", ["hellaswag_validation_stripped.jsonl", "hellaswag_train.jsonl"]),
        ("piqa", "piqa.jsonl", []),
        ("social_iqa", "social_i_qa_validation.jsonl", []),
        ("social_iqa", "social_iqa_dev.jsonl", []),
        ("copa", "copa_superglue_validation.jsonl", ["copa_train.jsonl"]),
    ],
)
def test_files_are_found_by_name(name: str, file: str, others: list[str], tmp_path: Path) -> None:
    for other in (file, *others):
        (tmp_path / other).touch()
    assert find_file(name, tmp_path).name == file


def test_missing_file_names_the_patterns(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'copa'.*copa_validation\.jsonl or .*copa\*\.jsonl"):
        find_file("copa", tmp_path)
    with pytest.raises(UserError, match="'copa'"):
        find_file("copa", tmp_path / "nowhere")


def test_two_equally_good_files_are_refused(tmp_path: Path) -> None:
    for name in ("piqa_a.jsonl", "piqa_b.jsonl"):
        (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"piqa_a\.jsonl, piqa_b\.jsonl all match .* piqa_validation\.jsonl"):
        find_file("piqa", tmp_path)


@pytest.mark.parametrize(
    ("name", "rows", "message"),
    [
        ("piqa", [], "no questions"),
        ("piqa", [PIQA, {**PIQA, "goal": None}], "row 2: field 'goal'"),
        ("piqa", [PIQA, {"goal": "x"}], "row 2: field 'label'"),
        ("piqa", [{"text": "x"}], "not questions of piqa"),
        ("piqa", [PIQA, {**PIQA, "label": 2}], "row 2: answer 2"),
        ("arc_easy", [ARC, {**ARC, "answerKey": "9"}], "row 2: not a question of arc_easy"),
    ],
)
def test_malformed_rows_are_named(name: str, rows: list[Any], message: str, tmp_path: Path) -> None:
    write_rows(tmp_path / f"{name}.jsonl", *rows)
    with pytest.raises(UserError, match=message):
        paper_task(name, str(tmp_path), limit=5)


def test_unreachable_hub_names_the_way_out() -> None:
    with pytest.raises(UserError, match=r"'allenai/sciq'.*evaluation\.data_dir"):
        paper_task("sciq", "", limit=5)


def test_unknown_task_names_the_known_ones(tmp_path: Path) -> None:
    settings = EvaluationSettings("x", tasks=("story_continuation", "piqua"))
    with pytest.raises(UserError, match=r"'piqua'.*verb_agreement.*piqa"):
        load_tasks(settings, STORIES, tmp_path, seed=0)
    assert not list(tmp_path.iterdir())


def test_shipped_tasks_use_test_stories_only(tmp_path: Path) -> None:
    others = [story("dog", split="train"), story("bat", corpus="code")]
    settings = EvaluationSettings("x", tasks=("story_continuation",))
    load_tasks(settings, [*STORIES, *others], tmp_path, seed=0)
    with_others = (tmp_path / "story_continuation.jsonl").read_text()
    load_tasks(settings, STORIES, tmp_path, seed=0)
    assert (tmp_path / "story_continuation.jsonl").read_text() == with_others
    with pytest.raises(UserError, match="0 test texts of the corpus 'stories'"):
        load_tasks(settings, others, tmp_path, seed=0)


def test_a_task_does_not_depend_on_the_others(tmp_path: Path) -> None:
    both = EvaluationSettings("x", tasks=("story_continuation", "verb_agreement"))
    alone = EvaluationSettings("x", tasks=("verb_agreement",))
    load_tasks(both, STORIES, tmp_path / "both", seed=0)
    load_tasks(alone, STORIES, tmp_path / "alone", seed=0)
    files = [tmp_path / folder / "verb_agreement.jsonl" for folder in ("both", "alone")]
    assert files[0].read_text() == files[1].read_text()


@pytest.mark.parametrize(("correct", "questions"), [(0, 20), (8, 10), (151, 606), (1519, 1520)])
def test_wilson_interval_follows_its_formula(correct: int, questions: int) -> None:
    share, z = correct / questions, 1.959964
    middle = (share + z**2 / (2 * questions)) / (1 + z**2 / questions)
    half = z / (1 + z**2 / questions) * (share * (1 - share) / questions + z**2 / (4 * questions**2)) ** 0.5
    found = wilson_interval(share, questions)
    assert (found.mean, found.low, found.high) == pytest.approx((share, middle - half, middle + half), abs=1e-7)


def test_wilson_interval_stays_in_range() -> None:
    none, every = wilson_interval(0, 10), wilson_interval(1, 10)
    assert (none.low, every.high) == pytest.approx((0, 1))
    assert none.high == pytest.approx(1 - every.low) == pytest.approx(0.2775, abs=1e-4)


def score(correct: list[int], per_story: int, task: str = "t", chance: float = 0.5) -> TaskScore:
    origins = tuple(f"story {number // per_story}" for number in range(len(correct)))
    return TaskScore(task, sum(correct) / len(correct), chance, tuple(correct), origins)


def test_questions_of_one_story_count_as_one() -> None:
    """Answers that agree within a story say no more than one answer a story would."""
    stories = [int(i % 3 > 0) for i in range(30)]
    single, sixfold = score(stories, 1), score([answer for answer in stories for _ in range(6)], 6)
    one, six = accuracy_interval(single, 500, 0), accuracy_interval(sixfold, 500, 0)
    assert (one.low, one.high) == pytest.approx((six.low, six.high))
    independent = wilson_interval(sixfold.accuracy, sixfold.questions)
    assert six.high - six.low > 2 * (independent.high - independent.low)


def test_answers_that_are_all_alike_still_have_an_interval() -> None:
    everything = score([1] * 60, 3)
    assert accuracy_interval(everything, 100, 0) == wilson_interval(1, 20)
    change = change_interval(everything, everything, 100, 0)
    assert change.mean == 0
    assert change.high == -change.low == pytest.approx(wilson_interval(0, 20).high)
    few = accuracy_interval(score([1, 0, 1, 1], 1), 100, 0)
    assert few.mean == 0.75
    assert np.isnan([few.low, few.high]).all(), "four stories are too few for an interval"


@pytest.mark.parametrize("unlike", [1, 2, 3, 4, 6])
def test_few_answers_unlike_the_others_have_an_interval(unlike: int) -> None:
    """The bootstrap's standard error is zero in resamples that have none of them, and its bounds were millions."""
    all_right, some_wrong = score([1] * 82, 2), score([0, 1] * unlike + [1] * (82 - 2 * unlike), 2)
    for better, worse, sign in ((all_right, some_wrong, -1), (some_wrong, all_right, 1)):
        change = change_interval(better, worse, 2000, 0)
        assert change.mean == pytest.approx(sign * unlike / 82)
        assert -0.25 < change.low < change.mean < change.high < 0.25
    accuracy = accuracy_interval(some_wrong, 2000, 0)
    assert 0.75 < accuracy.low < accuracy.mean < accuracy.high <= 1


def test_a_task_that_does_not_react_is_called_insensitive() -> None:
    right = [int(i % 10 > 0) for i in range(100)]
    worse = [int(answer and i % 3 > 0) for i, answer in enumerate(right)]
    scores = {
        0: [score(right, 4, "reacts"), score(right, 4, "does not")],
        100: [score(worse, 4, "reacts"), score([0, *right[1:-1], 0], 4, "does not")],
    }
    table = answer_table(scores, {0: 0, 100: 9}, 400, 0).set_index(["task", "percent"])
    assert table.loc["reacts", "insensitive"].tolist() == [False, False]
    assert table.loc["does not", "insensitive"].tolist() == [True, True]
    row = table.loc[("reacts", 100)]
    assert row["change"] == pytest.approx(np.mean(worse) - np.mean(right))
    assert row["change_low"] < row["change"] < row["change_high"] < 0
    assert (row["questions"], row["sources"], row["heads_replaced"]) == (100, 25, 9)
    unpaired = answer_table({100: scores[100]}, {100: 9}, 400, 0)
    assert unpaired["change"].isna().all(), "nothing to compare with"
