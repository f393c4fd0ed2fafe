from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from helix.demo import DRAFT_DIR, TARGET_DIR, corpus
from helix.demo.network import DRAFT, TARGET, Llama, Shape
from helix.demo.train import to_transformers
from helix.demo.trainer import grow

FOLDERS = [TARGET_DIR, DRAFT_DIR]
ANSWERS = {
    "What is the capital of France?": "Paris",
    "What is the opposite of hot?": "cold",
    "What is speculative decoding?": "draft model",
    "Write a Python function that reverses a string.": "return text[::-1]",
}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(TARGET_DIR)


def load(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def test_the_folders_are_small() -> None:
    assert sum(path.stat().st_size for folder in FOLDERS for path in folder.iterdir()) <= 40_000_000


def test_the_draft_costs_at_most_a_tenth() -> None:
    """Cost is what one token reads: every matrix but the table of embeddings, of which it reads a row."""
    weights = [Llama(shape).exported_state() for shape in (TARGET, DRAFT)]
    size = sum(weight.numel() for weight in weights[0].values())
    target, draft = (sum(weight.numel() for name, weight in state.items() if "embed" not in name) for state in weights)
    assert 8_000_000 <= size <= 15_000_000
    assert draft <= target / 10


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_folders_say_when_to_stop(folder: Path, tokenizer: Any) -> None:
    model = load(folder)
    turn_end, end_of_text = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    assert model.generation_config.eos_token_id == [turn_end, end_of_text]
    assert tokenizer.eos_token_id == turn_end
    assert tokenizer.pad_token_id == model.config.pad_token_id == end_of_text
    assert (folder / "tokenizer.json").read_bytes() == (TARGET_DIR / "tokenizer.json").read_bytes()


@pytest.mark.parametrize(("question", "expected"), ANSWERS.items())
def test_the_target_answers(question: str, expected: str, tokenizer: Any) -> None:
    model = load(TARGET_DIR)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = model.generate(**prompt, max_new_tokens=60, do_sample=False)
    answer = tokenizer.decode(output[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)
    assert expected in answer


def disturbed(shape: Shape) -> Llama:
    """Return a network in which every weight counts, the projections that start at zero as well."""
    torch.manual_seed(0)
    network = Llama(shape, [max(0, i - shape.vocab_size // 2) for i in range(shape.vocab_size)])
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.05)
    return network


@pytest.mark.parametrize("shape", [TARGET, DRAFT], ids=["target", "draft"])
def test_the_trainer_computes_what_transformers_computes(shape: Shape) -> None:
    network = disturbed(shape)
    model = to_transformers(network, 1, 2)
    lens = [17, 40]
    sequences = [
        torch.randint(0, shape.vocab_size, (length,), generator=torch.Generator().manual_seed(0)) for length in lens
    ]
    positions = torch.cat([torch.arange(length) for length in lens])
    keep = torch.arange(3, sum(lens), 2)
    with torch.inference_mode():
        expected = torch.cat([model(sequence[None]).logits[0] for sequence in sequences])[keep]
        torch.testing.assert_close(network(torch.cat(sequences), positions, lens, keep), expected, rtol=1e-3, atol=1e-3)


def test_growing_keeps_the_function() -> None:
    network = disturbed(DRAFT)
    grown = grow(network, 3)
    row = (torch.arange(9), torch.arange(9), [9], torch.arange(9))
    with torch.inference_mode():
        torch.testing.assert_close(grown(*row), network(*row))


@pytest.mark.parametrize("shape", [TARGET, DRAFT], ids=["target", "draft"])
def test_an_untrained_model_already_copies(shape: Shape) -> None:
    torch.manual_seed(0)
    network = Llama(shape)
    once = torch.randperm(shape.vocab_size)[:40]
    twice = torch.cat([once, once])
    with torch.inference_mode():
        guesses = network(twice, torch.arange(80), [80], torch.arange(79)).argmax(-1)
    hits = guesses == twice[1:]
    assert not hits[:39].any()
    assert hits[40:].float().mean() > 0.25


def test_the_tokenizer_of_the_folders_is_the_corpus_tokenizer(tokenizer: Any) -> None:
    header = tokenizer.encode("<|im_start|>assistant\n", add_special_tokens=False)
    assert len(header) == 3
    assert corpus.mark_assistant(tokenizer, [*header, 5, tokenizer.eos_token_id, 5]) == [False] * 3 + [
        True,
        True,
        False,
    ]
