r"""lm-evaluation-harness, from a shell:

    lm_eval --model local-completions --tasks lambada_openai --model_args \
        model=helix-demo,base_url=http://127.0.0.1:8000/v1/completions,tokenizer=NAME_OR_FOLDER,num_concurrent=4

Here the same class is asked in Python, with pairs of a context and its continuation.
"""

import json
import sys
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.models.openai_completions import LocalCompletionsAPI

BASE_URL, TOKENIZER, PAIRS = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])


def asked(kind: Any, pairs: list[Any]) -> list[Any]:
    return [Instance(request_type=kind, doc={}, arguments=tuple(pair), idx=at) for at, pair in enumerate(pairs)]


def model(**settings: Any) -> Any:
    return LocalCompletionsAPI(
        base_url=f"{BASE_URL}/completions",
        model="helix-demo",
        tokenizer_backend="huggingface",
        tokenizer=TOKENIZER,
        max_length=512,
        **settings,
    )


one, several = model(batch_size=1), model(batch_size=3, num_concurrent=2)
until = {"until": ["."], "max_gen_toks": 40, "temperature": 0}
print(
    json.dumps(
        {
            "one_by_one": one.loglikelihood(asked("loglikelihood", PAIRS)),
            "in_batches": several.loglikelihood(asked("loglikelihood", PAIRS)),
            "rolling": one.loglikelihood_rolling(asked("loglikelihood_rolling", [["".join(PAIRS[0])]])),
            "until": one.generate_until(asked("generate_until", [["Once upon a time", until]])),
        }
    )
)
