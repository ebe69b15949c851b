"""The programs of all models as candidates for one library, and those of a single model."""

from collections.abc import Callable, Sequence

import numpy as np

from attention_programs.comparison.found_programs import FoundScores
from attention_programs.comparison.library import Candidates
from attention_programs.errors import UserError


def pooled(profiles: Sequence[str], scores: Callable[[str, str], FoundScores]) -> Candidates:
    """All programs of some models against all their heads, on the test texts that these models have in common.

    A program that was found on several models counts once, and is their own on each.

    Args:
        profiles: Names of the models.
        scores: Gives the scores of one model's programs on another's heads.

    Raises:
        UserError: if the models have no test text in common.
    """
    found = {name: scores(name, profiles[0]) for name in profiles}
    places_of: dict[str, int] = {}
    for place, program in enumerate(program for name in profiles for program in found[name].programs):
        places_of.setdefault(str(program), place)
    distinct, first = list(places_of), list(places_of.values())
    texts = _common_texts(profiles, scores)
    validation, test, own = [], [], []
    for heads_of in profiles:
        parts = [scores(programs_of, heads_of) for programs_of in profiles]
        places = [list(parts[0].texts).index(key) for key in texts]
        validation.append(np.concatenate([part.validation for part in parts])[first])
        test.append(np.concatenate([part.test[places] for part in parts], axis=1)[:, first])
        mine = np.isin(distinct, found[heads_of].programs)
        own.append(np.repeat(mine[:, None], len(parts[0].heads), axis=1))
    model = np.repeat(profiles, [part.shape[1] for part in validation])
    return Candidates(distinct, np.concatenate(validation, axis=1), np.concatenate(test, axis=2), np.hstack(own), model)


def _common_texts(profiles: Sequence[str], scores: Callable[[str, str], FoundScores]) -> list[str]:
    """Keys of the test texts that all models have, in the order of the first."""
    keys = [[str(key) for key in scores(name, name).texts] for name in profiles]
    common = [key for key in keys[0] if all(key in others for others in keys)]
    if not common:
        raise UserError(
            f"the profiles {', '.join(profiles)} have no test text in common; compare models that were run on the same "
            "corpora"
        )
    return common
