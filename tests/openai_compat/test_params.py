"""Every request field reaches the engine, or is refused by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from helix import EngineInfo, Grammar, InvalidRequestError, SamplingParams
from openai_compat.errors import ApiError, UnsupportedParameter
from openai_compat.params import SMALLEST_TOP_P, choice_seed, named_as_sent, to_sampling_params
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.completions import CompletionRequest
from tests.fakes import FakeEngine

INFO = FakeEngine().info
TOOL = {"type": "function", "function": {"name": "f"}}


OWN = SamplingParams(temperature=0.3, top_p=0.9, top_k=20, min_p=0.05, repetition_penalty=1.1)
"""Defaults of a model that has its own."""


def chat(info: EngineInfo = INFO, /, **fields: Any) -> list[SamplingParams]:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields
    return to_sampling_params(msgspec.convert(body, ChatCompletionRequest, str_keys=True), info)


def complete(info: EngineInfo = INFO, /, **fields: Any) -> list[SamplingParams]:
    return to_sampling_params(
        msgspec.convert({"model": "m", "prompt": "hi"} | fields, CompletionRequest, str_keys=True), info
    )


def test_nothing_sent_is_the_engines_default() -> None:
    assert chat() == [SamplingParams()]
    assert complete() == [SamplingParams(max_tokens=16)]


def test_null_is_the_default_for_every_optional_field_but_the_switch_of_mlx_lm() -> None:
    fields = set(ChatCompletionRequest.__struct_encode_fields__) - {"model", "messages", "draft_model"}
    assert chat(**dict.fromkeys(fields)) == [SamplingParams()]
    fields = set(CompletionRequest.__struct_encode_fields__) - {"model", "prompt", "draft_model"}
    assert complete(**dict.fromkeys(fields)) == [SamplingParams(max_tokens=16)]


@pytest.mark.parametrize(
    "sent",
    [
        {"temperature": 1.0},
        {"temperature": 0.0},
        {"top_p": 1.0},
        {"top_k": 0},
        {"min_p": 0.0},
        {"repetition_penalty": 1.0},
    ],
)
def test_the_models_own_defaults_apply_where_the_request_is_silent(sent: dict[str, Any]) -> None:
    """A value that equals OpenAI's default is a value all the same."""
    info = FakeEngine(default_sampling_params=OWN).info
    assert chat(info) == chat(info, **dict.fromkeys(sent)) == [OWN]
    assert complete(info) == complete(info, **dict.fromkeys(sent)) == [replace(OWN, max_tokens=16)]
    assert chat(info, **sent) == [replace(OWN, **sent)]
    assert complete(info, **sent) == [replace(OWN, max_tokens=16, **sent)]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"temperature": 0.5}, {"temperature": 0.5}),
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"top_p": 0.9}, {"top_p": 0.9}),
        ({"top_p": 0}, {"top_p": SMALLEST_TOP_P}),
        ({"top_k": 5}, {"top_k": 5}),
        ({"top_k": -1}, {"top_k": 0}),
        ({"min_p": 0.1}, {"min_p": 0.1}),
        ({"presence_penalty": 1.5}, {"presence_penalty": 1.5}),
        ({"frequency_penalty": -1.5}, {"frequency_penalty": -1.5}),
        ({"repetition_penalty": 1.2}, {"repetition_penalty": 1.2}),
        ({"logit_bias": {"5": -100}}, {"logit_bias": {5: -100.0}}),
        ({"seed": 7}, {"seed": 7}),
        ({"stop": "x"}, {"stop": ("x",)}),
        ({"stop": ["a", "b", "c", "d", "e"]}, {"stop": ("a", "b", "c", "d", "e")}),
        ({"stop_token_ids": [1, 2]}, {"stop_token_ids": (1, 2)}),
        ({"ignore_eos": True}, {"ignore_eos": True}),
        ({"min_tokens": 3, "max_tokens": 9}, {"min_tokens": 3, "max_tokens": 9}),
        ({"include_stop_str_in_output": True}, {"include_stop_str_in_output": True}),
        ({"skip_special_tokens": False}, {"skip_special_tokens": False}),
        ({"speculation": {"depth": 2, "method": "ngram"}}, {"speculation_depth": 2, "speculation_method": "ngram"}),
        ({"speculation_depth": 0}, {"speculation_depth": 0}),
        ({"guided_regex": "[a-z]+"}, {"grammar": Grammar.regex("[a-z]+")}),
    ],
)
def test_a_field_reaches_the_engine(sent: dict[str, Any], expected: dict[str, Any]) -> None:
    assert chat(**sent) == [SamplingParams(**expected)]
    assert complete(**sent) == [SamplingParams(**({"max_tokens": 16} | expected))]


def test_every_choice_gets_the_prediction() -> None:
    body = msgspec.convert(
        {"model": "m", "messages": [{"role": "user", "content": "hi"}], "n": 3}, ChatCompletionRequest
    )
    assert [params.prediction for params in to_sampling_params(body, INFO, prediction=(1, 2))] == [(1, 2)] * 3
    assert chat()[0].prediction == ()


@pytest.mark.parametrize(
    ("sent", "max_tokens"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": 6}, 6),
        ({"max_tokens": 5, "max_completion_tokens": None}, 5),
    ],
)
def test_max_completion_tokens_wins_over_its_older_name(sent: dict[str, Any], max_tokens: int) -> None:
    assert chat(**sent)[0].max_tokens == max_tokens


def test_logprobs_are_a_switch_and_a_number_in_chat_and_a_number_in_completions() -> None:
    assert chat(logprobs=True)[0].logprobs == 0
    assert chat(logprobs=True, top_logprobs=20)[0].logprobs == 20
    assert chat(logprobs=False)[0].logprobs is None
    assert complete(logprobs=5)[0].logprobs == 5
    assert complete(logprobs=0)[0].logprobs == 0


def test_an_echo_has_the_logprobs_of_the_prompt_too() -> None:
    assert complete(echo=True, logprobs=2) == [SamplingParams(max_tokens=16, logprobs=2, prompt_logprobs=2)]
    assert [one.prompt_logprobs for one in complete(echo=True, logprobs=2, n=3)] == [2, None, None]
    assert complete(echo=True) == complete() == [SamplingParams(max_tokens=16)]


def test_the_best_of_several_are_chosen_by_their_logprobs() -> None:
    drawn = complete(n=2, best_of=3, seed=5)
    assert [(params.seed, params.logprobs) for params in drawn] == [(choice_seed(5, index), 0) for index in range(3)]
    assert complete(best_of=3, logprobs=4)[0].logprobs == 4
    assert complete(n=2, best_of=2)[0].logprobs is None


def test_tokens_that_end_a_text_besides_what_the_request_says_stop_every_choice() -> None:
    body = msgspec.convert({"model": "m", "prompt": "hi", "stop_token_ids": [1], "n": 2}, CompletionRequest)
    assert [params.stop_token_ids for params in to_sampling_params(body, INFO, end_token_ids=(2, 3))] == [(1, 2, 3)] * 2


def test_a_completion_may_generate_nothing_and_an_answer_may_not() -> None:
    assert complete(max_tokens=0)[0].max_tokens == 0
    for field in ("max_tokens", "max_completion_tokens"):
        with pytest.raises(InvalidRequestError) as caught:
            chat(**{field: 0})
        assert caught.value.param == field


def test_the_first_choice_has_the_requests_seed_and_the_others_their_own() -> None:
    seeds = [params.seed for params in chat(n=4, seed=11)]
    assert seeds[0] == 11
    assert len(set(seeds)) == 4
    assert seeds == [params.seed for params in chat(n=4, seed=11)]
    assert [params.seed for params in chat(n=3)] == [None] * 3
    assert all(0 <= (choice_seed(-5, index) or 0) < 2**63 for index in range(1, 50))


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"audio": {"voice": "x"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"web_search_options": {}}, "web_search_options"),
        ({"moderation": {"model": "x"}}, "moderation"),
        ({"prompt_logprobs": 0}, "prompt_logprobs"),
        ({"guided_whitespace_pattern": " "}, "guided_whitespace_pattern"),
        ({"structured_outputs": {"whitespace_pattern": " "}}, "structured_outputs.whitespace_pattern"),
        ({"structured_outputs": {"structural_tag": {}}}, "structured_outputs.structural_tag"),
        (
            {"structured_outputs": {"json": {}, "disable_additional_properties": True}},
            "structured_outputs.disable_additional_properties",
        ),
        ({"guided_regex": "a", "tools": [TOOL], "tool_choice": "auto"}, "guided_regex"),
    ],
)
def test_what_helix_cannot_do_is_refused_by_name(sent: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        chat(**sent)
    assert (caught.value.param, caught.value.code, caught.value.status) == (param, "unsupported_parameter", 400)


@pytest.mark.parametrize(
    "sent",
    [
        {"modalities": ["text"]},
        {"response_format": {"type": "text"}},
        {"functions": []},
        {"function_call": "auto"},
        {"tools": [TOOL], "tool_choice": "auto", "parallel_tool_calls": True},
        {"tools": [TOOL], "tool_choice": "none"},
        {"metadata": {"a": "b"}, "store": True, "user": "u", "service_tier": "auto", "prompt_cache_key": "k"},
        {"guided_decoding_backend": "xgrammar", "structured_outputs": {"disable_fallback": True}},
        {"safety_identifier": "s", "reasoning_effort": "low", "verbosity": "high"},
    ],
)
def test_what_asks_for_nothing_is_accepted(sent: dict[str, Any]) -> None:
    assert chat(**sent) == [SamplingParams()]


def test_harmless_values_of_refused_completion_fields_are_accepted() -> None:
    assert complete(best_of=2, n=2, suffix="", echo=False) == [SamplingParams(max_tokens=16)] * 2


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"presence_penalty": 2.5}, "presence_penalty"),
        ({"logit_bias": {"5": 101}}, "logit_bias"),
        ({"stop": ""}, "stop"),
        ({"min_p": 1.5}, "min_p"),
        ({"seed": 2**70}, "seed"),
    ],
)
def test_a_bad_value_is_named_as_it_was_sent(sent: dict[str, Any], param: str) -> None:
    with pytest.raises((InvalidRequestError, ApiError)) as caught:
        chat(**sent)
    assert isinstance(caught.value, InvalidRequestError | ApiError)
    assert caught.value.param == param
    assert param in str(caught.value) or param == "stop"


@pytest.mark.parametrize("sent", [{"tool_choice": "required"}, {"parallel_tool_calls": False}])
def test_what_tools_demand_becomes_a_grammar(sent: dict[str, Any]) -> None:
    (params,) = chat(tools=[TOOL], **sent)
    assert params.grammar is not None and params.grammar.kind == "lark"
    assert params.stop == ()


def test_errors_of_the_tools_grammar_speak_of_tools() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [TOOL], "tool_choice": "required"}
    with pytest.raises(InvalidRequestError) as caught, named_as_sent(msgspec.convert(body, ChatCompletionRequest)):
        raise InvalidRequestError("grammar is bad", param="grammar")
    assert (caught.value.param, str(caught.value)) == ("tools", "tools is bad")


def test_errors_of_a_completion_speak_of_its_prompt() -> None:
    body = msgspec.convert({"model": "m", "prompt": "hi"}, CompletionRequest)
    with pytest.raises(InvalidRequestError) as caught, named_as_sent(body):
        raise InvalidRequestError("messages is bad", param="messages")
    assert (caught.value.param, str(caught.value)) == ("prompt", "prompt is bad")


def test_errors_of_the_grammar_speak_of_the_field_it_came_from() -> None:
    for field, value in {"guided_regex": "(", "response_format": {"type": "json_object"}}.items():
        fields = {"model": "m", "messages": [{"role": "user", "content": "hi"}], field: value}
        with (
            pytest.raises(InvalidRequestError) as caught,
            named_as_sent(msgspec.convert(fields, ChatCompletionRequest)),
        ):
            raise InvalidRequestError("grammar is bad: lark grammar too deep", param="grammar")
        assert (caught.value.param, str(caught.value)) == (field, f"{field} is bad: lark grammar too deep")


def test_errors_of_the_template_speak_of_its_variables() -> None:
    fields = {"chat_template_kwargs": {"tokenize": True}, "messages": [{"role": "user", "content": "hi"}]}
    body = msgspec.convert({"model": "m"} | fields, ChatCompletionRequest)
    with pytest.raises(InvalidRequestError) as caught, named_as_sent(body):
        raise InvalidRequestError("tokenize is not for you", param="tokenize")
    assert caught.value.param == "chat_template_kwargs.tokenize"
