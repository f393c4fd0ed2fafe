"""Every field of every request, with something to send in it and the test that says what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.completions import CompletionRequest
from openai_compat.schemas.embeddings import EmbeddingRequest
from openai_compat.schemas.generate import BatchRequest, GenerateRequest
from openai_compat.schemas.responses import ResponsesRequest
from openai_compat.schemas.tokenize import DetokenizeRequest, TokenizeRequest

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
RESPONSES = "/v1/responses"
TOKENIZE, DETOKENIZE = "/tokenize", "/detokenize"
GENERATE, BATCH = "/generate", "/generate/batch"
SCHEMAS: dict[str, type[msgspec.Struct]] = {
    CHAT: ChatCompletionRequest,
    RESPONSES: ResponsesRequest,
    COMPLETIONS: CompletionRequest,
    EMBEDDINGS: EmbeddingRequest,
    TOKENIZE: TokenizeRequest,
    DETOKENIZE: DetokenizeRequest,
    GENERATE: GenerateRequest,
    BATCH: BatchRequest,
}
HI: Any = [{"role": "user", "content": "hi"}]
SMALLEST: dict[str, dict[str, Any]] = {
    CHAT: {"model": "model-1", "messages": HI},
    RESPONSES: {"model": "model-1", "input": "hi"},
    COMPLETIONS: {"model": "model-1", "prompt": "hi"},
    EMBEDDINGS: {"model": "model-1", "input": "abc"},
    TOKENIZE: {"prompt": "hi"},
    DETOKENIZE: {"tokens": [104, 256]},
    GENERATE: {"prompt": "hi"},
    BATCH: {"prompts": ["hi"]},
}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
FLAT_TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}


@dataclass(frozen=True)
class Row:
    """One field of one endpoint."""

    name: str
    value: Any
    """Something that a client may send."""
    status: Literal["required", "works", "told", "accepted", "refused"]
    """Told: the answer repeats it, and is no other one. Accepted: nothing changes, and that is what the field asks for
    here. Refused: by its name."""
    test: str
    beside: dict[str, Any] = field(default_factory=dict)
    """Fields that it means nothing without."""
    remark: str = ""


PARAMS = "test_params.py::test_a_field_reaches_the_engine"
NULLS = "test_params.py::test_what_asks_for_nothing_is_accepted"
REFUSED = "test_params.py::test_what_helix_cannot_do_is_refused_by_name"
FORMS = "test_structured_output.py::test_vllms_fields_mean_what_they_mean_there"
WISHES = "test_speculation.py::test_wishes_become_depth_and_method"
CHOICE = "tool_calls/test_choice.py::test_every_tool_may_be_called_unless_the_choice_says_which"
ENDING = "test_prompts.py::test_who_says_how_the_prompt_ends_is_taken_at_their_word"
VARIABLES = "test_prompts.py::test_template_variables_are_passed_on"
FUNCTIONS = "tool_calls/test_choice.py::test_functions_are_tools_of_which_at_most_one_is_called"
MODELS = "routes/test_chat.py::test_the_model_answers_to_its_name_its_basename_and_aliases"
STREAMS = "routes/test_chat.py::test_a_stream_says_role_once_content_in_pieces_and_finish_reason_last"
SALTS = "test_auth.py::test_every_key_and_every_cache_salt_is_remembered_apart"

RESPONSE = "routes/test_responses.py::"
RESPONSE_KEYS = RESPONSE + "test_a_whole_response_has_every_key_and_says_what_was_asked"
RESPONSE_REFUSED = RESPONSE + "test_what_would_be_ignored_is_refused_by_name"

SHARED = [
    Row("model", "model-1", "required", MODELS),
    Row("n", 2, "works", "test_params.py::test_the_first_choice_has_the_requests_seed_and_the_others_their_own"),
    Row("temperature", 0.5, "works", PARAMS),
    Row("top_p", 0.9, "works", PARAMS),
    Row("frequency_penalty", 0.5, "works", PARAMS),
    Row("presence_penalty", 0.5, "works", PARAMS),
    Row("logit_bias", {"5": -100}, "works", PARAMS),
    Row("seed", 7, "works", PARAMS),
    Row("stop", ["a", "b", "c", "d", "e"], "works", PARAMS, remark="more than four, too"),
    Row("stream", True, "works", STREAMS),
    Row(
        "stream_options",
        {"include_usage": True},
        "works",
        "routes/test_chat.py::test_usage_comes_last_and_is_null_before",
        {"stream": True},
    ),
    Row("user", "me", "accepted", NULLS),
    Row("top_k", 5, "works", PARAMS),
    Row("min_p", 0.1, "works", PARAMS),
    Row("repetition_penalty", 1.2, "works", PARAMS),
    Row("stop_token_ids", [65], "works", PARAMS),
    Row("include_stop_str_in_output", True, "works", PARAMS),
    Row("skip_special_tokens", False, "works", PARAMS),
    Row("ignore_eos", True, "works", PARAMS),
    Row("min_tokens", 3, "works", PARAMS),
    Row("guided_json", {"type": "object"}, "works", FORMS),
    Row("guided_regex", "[a-z]+", "works", FORMS),
    Row("guided_choice", ["a", "b"], "works", FORMS),
    Row("guided_grammar", 'start: "a"', "works", FORMS, remark="Lark's notation"),
    Row(
        "structured_outputs",
        {"choice": ["a", "b"]},
        "works",
        FORMS,
        remark="structural_tag, whitespace_pattern and disable_additional_properties are refused",
    ),
    Row("guided_decoding_backend", "guidance", "accepted", NULLS),
    Row("guided_whitespace_pattern", " ?", "refused", REFUSED),
    Row("prompt_logprobs", 1, "refused", REFUSED, remark="send echo and logprobs to /v1/completions"),
    Row("cache_salt", "mine", "works", SALTS),
    Row("speculation", {"depth": 2}, "works", WISHES),
    Row("speculation_depth", 2, "works", WISHES),
    Row("speculative.n_max", 2, "works", WISHES, remark="llama.cpp's name"),
    Row("num_draft_tokens", 2, "works", WISHES, remark="mlx-lm's name"),
    Row("draft_model", None, "works", WISHES, remark="mlx-lm's switch: null is off"),
]

OWN = "routes/test_generate.py::"
OWN_FIELDS = [
    Row(
        "model",
        "other",
        "refused",
        OWN + "test_another_model_is_not_found_and_unknown_fields_are_named",
        remark="any name but the served model's",
    ),
    Row("chat", True, "works", OWN + "test_a_chat_puts_the_prompt_into_the_template"),
    Row("max_tokens", 3, "works", OWN + "test_the_default_length_fits_the_context", remark="256 by default"),
    Row("prediction", "You said", "works", OWN + "test_a_prediction_is_given_to_the_engine_as_token_ids"),
    Row("speculation_trace", True, "works", OWN + "test_who_asks_is_told_where_every_token_came_from"),
    *(row for row in SHARED if row.name != "model" and row.name in GenerateRequest.__struct_encode_fields__),
]

ROWS: dict[str, list[Row]] = {
    CHAT: [
        Row(
            "messages",
            HI,
            "required",
            "test_prompts.py::test_roles_and_contents_reach_the_template_and_an_answer_is_asked_for",
        ),
        *SHARED,
        Row("max_tokens", 3, "works", "test_params.py::test_max_completion_tokens_wins_over_its_older_name"),
        Row("max_completion_tokens", 3, "works", "test_params.py::test_max_completion_tokens_wins_over_its_older_name"),
        Row("logprobs", True, "works", "routes/test_chat.py::test_logprobs_cover_the_text_and_not_the_ending_token"),
        Row(
            "top_logprobs",
            3,
            "works",
            "routes/test_chat.py::test_logprobs_cover_the_text_and_not_the_ending_token",
            {"logprobs": True},
        ),
        Row("response_format", FORMAT, "works", "test_structured_output.py::test_a_schema_holds_strict_or_not"),
        Row(
            "tools",
            [TOOL],
            "works",
            "routes/test_chat.py::test_tool_calls_are_parsed",
        ),
        Row("tool_choice", "required", "works", CHOICE, {"tools": [TOOL]}),
        Row(
            "parallel_tool_calls",
            False,
            "works",
            "test_params.py::test_what_tools_demand_becomes_a_grammar",
            {"tools": [TOOL]},
        ),
        Row(
            "prediction",
            {"type": "content", "content": "You said"},
            "works",
            "routes/test_chat.py::test_a_prediction_reaches_the_engine_beside_everything_that_openai_refuses_with_it",
        ),
        Row("reasoning_effort", "low", "works", VARIABLES, remark="a variable of the chat template"),
        Row("verbosity", "low", "works", VARIABLES, remark="a variable of the chat template"),
        Row("chat_template_kwargs", {"x": 1}, "works", VARIABLES),
        Row(
            "separate_reasoning",
            False,
            "works",
            "routes/test_chat.py::test_reasoning_stays_in_the_content_where_nobody_wants_it_apart",
        ),
        Row(
            "speculation_trace",
            True,
            "works",
            "routes/test_chat.py::test_a_traced_stream_tells_for_every_token_who_guessed_it",
            remark="Helix's own",
        ),
        Row("add_generation_prompt", False, "works", ENDING),
        Row(
            "continue_final_message",
            True,
            "works",
            ENDING,
            {"messages": [*HI, {"role": "assistant", "content": "You"}], "add_generation_prompt": False},
        ),
        Row("metadata", {"a": "b"}, "accepted", NULLS),
        Row("store", True, "accepted", NULLS),
        Row("safety_identifier", "s", "accepted", NULLS),
        Row("prompt_cache_key", "k", "accepted", NULLS),
        Row("prompt_cache_options", {"mode": "auto"}, "accepted", NULLS),
        Row("prompt_cache_retention", "24h", "accepted", NULLS),
        Row(
            "service_tier",
            "auto",
            "works",
            "routes/test_chat.py::test_the_tier_is_told_when_one_was_asked_for",
            remark="the answer says default",
        ),
        Row("audio", {"voice": "x"}, "refused", REFUSED),
        Row("modalities", ["text", "audio"], "refused", REFUSED, remark="text alone is accepted"),
        Row("web_search_options", {}, "refused", REFUSED),
        Row("moderation", {"model": "x"}, "refused", REFUSED),
        Row("functions", [{"name": "f"}], "works", FUNCTIONS, remark="the older form of tools"),
        Row("function_call", {"name": "f"}, "works", FUNCTIONS, {"functions": [{"name": "f"}]}),
    ],
    RESPONSES: [
        Row("input", "hi", "required", RESPONSE + "test_all_kinds_of_items_reach_the_model"),
        *(row for row in SHARED if row.name not in ("n", "stream", "stream_options", "user")),
        Row("n", 2, "refused", RESPONSE_REFUSED),
        Row("stream", True, "works", RESPONSE + "test_a_stream_tells_the_same_in_events"),
        Row(
            "stream_options",
            {"include_obfuscation": False},
            "accepted",
            RESPONSE + "test_what_makes_no_sense_is_named_as_it_was_sent",
            {"stream": True},
        ),
        Row("user", "me", "told", RESPONSE_KEYS),
        Row("instructions", "Be kind.", "works", RESPONSE + "test_all_kinds_of_items_reach_the_model"),
        Row("max_output_tokens", 3, "works", RESPONSE + "test_a_response_that_is_cut_is_incomplete"),
        Row(
            "include",
            ["message.output_text.logprobs"],
            "works",
            RESPONSE + "test_logprobs_come_where_they_are_included",
        ),
        Row(
            "top_logprobs",
            3,
            "works",
            RESPONSE + "test_logprobs_come_where_they_are_included",
            {"include": ["message.output_text.logprobs"]},
        ),
        Row(
            "text",
            {"format": {"type": "json_object"}},
            "works",
            RESPONSE + "test_a_text_format_becomes_a_grammar",
        ),
        Row(
            "reasoning",
            {"effort": "low"},
            "works",
            "responses_api/test_translate.py::test_a_field_has_its_name_of_chats",
            remark="a variable of the chat template",
        ),
        Row(
            "tools",
            [FLAT_TOOL],
            "works",
            RESPONSE + "test_a_call_is_an_item_of_its_own",
            remark="functions and custom tools; tools of OpenAI's own platform are refused",
        ),
        Row(
            "tool_choice",
            "required",
            "works",
            RESPONSE + "test_a_required_call_is_enforced_as_in_chats",
            {"tools": [FLAT_TOOL]},
        ),
        Row(
            "parallel_tool_calls",
            False,
            "works",
            "responses_api/test_translate.py::test_a_field_has_its_name_of_chats",
            {"tools": [FLAT_TOOL]},
        ),
        Row(
            "previous_response_id",
            "resp_unknown",
            "refused",
            RESPONSE + "test_a_kept_response_is_continued",
            remark="where no such response was kept; else works",
        ),
        Row("store", False, "works", RESPONSE + "test_a_kept_response_is_retrieved_as_it_was_answered"),
        Row("truncation", "auto", "works", RESPONSE + "test_old_turns_are_left_out_where_truncation_may"),
        Row("chat_template_kwargs", {"x": 1}, "works", VARIABLES),
        Row(
            "separate_reasoning",
            False,
            "works",
            "routes/test_chat.py::test_reasoning_stays_in_the_content_where_nobody_wants_it_apart",
        ),
        Row("metadata", {"a": "b"}, "told", RESPONSE_KEYS),
        Row("max_tool_calls", 3, "told", RESPONSE_KEYS, remark="of built-in tools, of which there are none"),
        Row("safety_identifier", "s", "told", RESPONSE_KEYS),
        Row("prompt_cache_key", "k", "told", RESPONSE_KEYS),
        Row("prompt_cache_options", {"mode": "auto"}, "accepted", RESPONSE_KEYS),
        Row("prompt_cache_retention", "24h", "accepted", RESPONSE_KEYS),
        Row("service_tier", "auto", "accepted", RESPONSE_KEYS, remark="the answer says default"),
        Row(
            "background",
            True,
            "works",
            "routes/test_background_responses.py::test_a_response_is_made_while_nobody_waits",
        ),
        Row("conversation", "conv_1", "refused", RESPONSE_REFUSED),
        Row("prompt", {"id": "pmpt_1"}, "refused", RESPONSE_REFUSED),
        Row("context_management", [{"type": "compaction"}], "refused", RESPONSE_REFUSED),
        Row("moderation", {"model": "m"}, "refused", RESPONSE_REFUSED),
        Row("access_programs", ["x"], "refused", RESPONSE_REFUSED),
        Row("image", {"x": 1}, "refused", RESPONSE_REFUSED),
        Row("max_tokens", 3, "refused", RESPONSE_REFUSED, remark="send max_output_tokens"),
        Row("max_completion_tokens", 3, "refused", RESPONSE_REFUSED, remark="send max_output_tokens"),
        Row("messages", HI, "refused", RESPONSE_REFUSED, remark="send input"),
        Row("response_format", FORMAT, "refused", RESPONSE_REFUSED, remark="send text.format"),
        Row("reasoning_effort", "low", "refused", RESPONSE_REFUSED, remark="send reasoning.effort"),
        Row("verbosity", "low", "refused", RESPONSE_REFUSED, remark="send text.verbosity"),
        Row("logprobs", True, "refused", RESPONSE_REFUSED, remark="send include"),
    ],
    COMPLETIONS: [
        Row("prompt", "hi", "required", "test_prompts.py::test_a_completion_prompt_has_four_forms"),
        *SHARED,
        Row("max_tokens", 0, "works", "routes/test_completions.py::test_nothing_generated_is_an_empty_text"),
        Row("logprobs", 2, "works", "routes/test_completions.py::test_logprobs_are_four_parallel_lists"),
        Row(
            "echo", True, "works", "routes/test_completions.py::test_an_echo_is_scored_token_by_token", {"logprobs": 1}
        ),
        Row(
            "best_of",
            3,
            "works",
            "responses/test_completions.py::test_the_best_have_the_highest_log_probability_per_token_and_come_first",
        ),
        Row(
            "suffix",
            "end",
            "works",
            "test_fill_in_the_middle.py::test_the_vocabulary_says_how_a_family_asks",
            remark="refused where the model has no fill-in-the-middle tokens",
        ),
    ],
    EMBEDDINGS: [
        Row("input", "abc", "required", "routes/test_embeddings.py::test_an_input_has_four_forms_and_keeps_its_order"),
        Row("model", "model-1", "required", "routes/test_embeddings.py::test_bad_requests_name_the_field"),
        Row(
            "dimensions",
            3,
            "refused",
            "routes/test_embeddings.py::test_bad_requests_name_the_field",
            remark="the model's own number is accepted",
        ),
        Row(
            "encoding_format",
            "base64",
            "works",
            "routes/test_embeddings.py::test_the_sdk_gets_the_same_numbers_in_its_own_encoding",
        ),
        Row(
            "user",
            "me",
            "accepted",
            "routes/test_embeddings.py::test_the_models_own_number_of_dimensions_and_nulls_are_accepted",
        ),
        Row("cache_salt", "mine", "works", SALTS),
    ],
    TOKENIZE: [
        Row(
            "model",
            "other",
            "refused",
            "routes/test_tokenize.py::test_another_model_is_not_found_and_unknown_fields_are_named",
            remark="any name but the served model's",
        ),
        Row("prompt", "ho", "works", "routes/test_tokenize.py::test_a_text_becomes_token_ids_and_comes_back"),
        Row(
            "messages",
            HI,
            "works",
            "routes/test_tokenize.py::test_a_conversation_becomes_the_prompt_that_the_model_would_get",
            {"prompt": None, "messages": [{"role": "user", "content": "ho"}]},
        ),
        Row(
            "add_special_tokens",
            False,
            "accepted",
            "routes/test_tokenize.py::test_bad_requests_name_the_field",
            remark="by this tokenizer, which adds none",
        ),
        Row(
            "return_token_strs",
            True,
            "works",
            "routes/test_tokenize.py::test_tokens_are_shown_as_text_to_those_who_ask",
        ),
        Row(
            "tools",
            [TOOL],
            "works",
            "test_prompts.py::test_tools_are_shown_as_the_client_wrote_them_unless_the_choice_is_none",
            {"prompt": None, "messages": HI},
        ),
        Row("add_generation_prompt", False, "works", ENDING, {"prompt": None, "messages": HI}),
        Row(
            "continue_final_message",
            True,
            "works",
            ENDING,
            {"prompt": None, "messages": [{"role": "assistant", "content": "a"}], "add_generation_prompt": False},
        ),
        Row("chat_template_kwargs", {"x": 1}, "works", VARIABLES, {"prompt": None, "messages": HI}),
    ],
    DETOKENIZE: [
        Row("tokens", [104], "required", "routes/test_tokenize.py::test_a_text_becomes_token_ids_and_comes_back"),
        Row(
            "model",
            "other",
            "refused",
            "routes/test_tokenize.py::test_another_model_is_not_found_and_unknown_fields_are_named",
            remark="any name but the served model's",
        ),
        Row(
            "skip_special_tokens",
            True,
            "works",
            "routes/test_tokenize.py::test_special_tokens_are_text_unless_they_are_to_be_skipped",
        ),
    ],
    GENERATE: [Row("prompt", "hi", "required", OWN + "test_one_prompt_is_continued_as_it_stands"), *OWN_FIELDS],
    BATCH: [
        Row(
            "prompts",
            ["hi"],
            "required",
            OWN + "test_a_batch_runs_together_and_answers_in_the_order_of_its_prompts",
        ),
        *OWN_FIELDS,
    ],
}
