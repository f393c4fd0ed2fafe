"""Something to send to each endpoint, and what comes back."""

from __future__ import annotations

from typing import Any

MODEL = "helix-demo"
"""Stands for the served model in all examples."""

_QUESTION = [{"role": "user", "content": "What is speculative decoding?"}]
_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
    "additionalProperties": False,
}

REQUESTS: dict[str, dict[str, dict[str, Any]]] = {
    "create_chat_completion": {
        "question": {"model": MODEL, "messages": _QUESTION, "max_tokens": 64},
        "stream": {
            "model": MODEL,
            "messages": _QUESTION,
            "max_tokens": 64,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
        "speculation": {
            "model": MODEL,
            "messages": _QUESTION,
            "max_tokens": 64,
            "temperature": 0,
            "speculation": {"method": "auto", "depth": 4},
        },
        "trace": {
            "model": MODEL,
            "messages": _QUESTION,
            "max_tokens": 64,
            "stream": True,
            "speculation_trace": True,
        },
        "JSON schema": {
            "model": MODEL,
            "messages": [{"role": "user", "content": "Paris has 2100000 people."}],
            "max_tokens": 64,
            "response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": _CITY}},
        },
        "tool": {
            "model": MODEL,
            "messages": [{"role": "user", "content": "How is the weather in Paris?"}],
            "max_tokens": 64,
            "tools": [_TOOL],
            "tool_choice": "required",
        },
    },
    "create_completion": {
        "prompt": {"model": MODEL, "prompt": "Once upon a time", "max_tokens": 32},
        "two prompts with log probabilities": {
            "model": MODEL,
            "prompt": ["Once upon a time", "The end"],
            "max_tokens": 8,
            "logprobs": 2,
        },
    },
    "create_response": {
        "question": {"model": MODEL, "input": "What is PagedAttention?", "max_output_tokens": 64},
        "stream": {"model": MODEL, "input": "What is PagedAttention?", "max_output_tokens": 64, "stream": True},
    },
    "count_input_tokens": {"question": {"model": MODEL, "input": "What is PagedAttention?"}},
    "create_embedding": {"two texts": {"model": MODEL, "input": ["speculative decoding", "PagedAttention"]}},
    "generate": {
        "prompt": {"prompt": "Once upon a time", "max_tokens": 32},
        "chat": {"prompt": "What is speculative decoding?", "chat": True, "max_tokens": 64},
        "speculation": {"prompt": "Once upon a time", "max_tokens": 32, "temperature": 0, "speculation_depth": 4},
    },
    "generate_batch": {"prompts": {"prompts": ["Once upon a time", "The end"], "max_tokens": 16}},
    "generate_stream": {"prompt": {"prompt": "Once upon a time", "max_tokens": 16}},
    "tokenize": {"text": {"prompt": "Hello"}, "conversation": {"messages": _QUESTION}},
    "detokenize": {"token ids": {"tokens": [72, 73]}},
}
"""By operation and title."""

PARAMETERS: dict[str, dict[str, Any]] = {
    "generate_stream_of_query": {"prompt": "Once upon a time", "max_tokens": 16, "temperature": 0},
    "retrieve_model": {"model": MODEL},
    "get_response": {"response_id": "resp_0123456789abcdef0123456789abcdef"},
    "delete_response": {"response_id": "resp_0123456789abcdef0123456789abcdef"},
    "cancel_response": {"response_id": "resp_0123456789abcdef0123456789abcdef"},
    "list_input_items": {"response_id": "resp_0123456789abcdef0123456789abcdef", "limit": 10, "order": "asc"},
}
"""By operation and parameter."""

_HELIX = {
    "speculation": {
        "method": "auto",
        "depth": 4,
        "adaptive": True,
        "acceptance": "auto",
        "drafted": 3,
        "accepted": 2,
        "acceptance_rate": 0.666667,
        "mean_accepted_length": 2.0,
        "by_proposer": {"draft": {"drafted": 3, "accepted": 2}},
        "drafted_per_position": [1, 1, 1],
        "accepted_per_position": [1, 1, 0],
        "drafting_s": 0.002,
        "verifying_s": 0.006,
        "estimated_speed_up": 1.5,
        "paused_steps": 0,
    },
    "timings": {
        "queue_s": 0.0002,
        "ttft_s": 0.004,
        "total_s": 0.008,
        "tokens_per_s": 750.0,
        "inter_token_p50_s": 0.0013,
        "inter_token_p99_s": 0.0013,
    },
}
_METRICS = {
    "prompt_tokens": 4,
    "cached_tokens": 0,
    "completion_tokens": 4,
    "ttft_s": 0.004,
    "total_s": 0.008,
    "tokens_per_s": 750.0,
    "acceptance_rate": 0.666667,
}
_TEXT = {
    "text": " there was a",
    "token_ids": [11, 12, 13, 14],
    "finish_reason": "length",
    "stop_reason": None,
    "metrics": _METRICS,
    "helix": _HELIX,
}
_IDENTITY = {"created": 1700000000, "model": MODEL}
_USAGE = {
    "prompt_tokens": 4,
    "completion_tokens": 4,
    "total_tokens": 8,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
        "reasoning_tokens": 0,
        "audio_tokens": 0,
    },
}
_MODEL = {"id": MODEL, "object": "model", "created": 1700000000, "owned_by": "helix", "max_model_len": 2048}

_INPUT = {
    "type": "message",
    "id": "msg_89abcdef0123456789abcdef01234567",
    "status": "completed",
    "role": "user",
    "content": [{"type": "input_text", "text": "What is PagedAttention?"}],
}
_RESPONSE = {
    "id": "resp_0123456789abcdef0123456789abcdef",
    "object": "response",
    "created_at": 1767225600,
    "status": "completed",
    "completed_at": 1767225601,
    "background": False,
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": 64,
    "max_tool_calls": None,
    "model": MODEL,
    "output": [
        {
            "type": "message",
            "id": "msg_0123456789abcdef0123456789abcdef0000",
            "status": "completed",
            "role": "assistant",
            "content": [
                {
                    "type": "output_text",
                    "text": "PagedAttention keeps the KV cache in blocks.",
                    "annotations": [],
                    "logprobs": [],
                }
            ],
        }
    ],
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 11,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 23,
    },
    "user": None,
    "metadata": {},
    "helix": _HELIX,
}

ANSWERS: dict[str, dict[str, Any]] = {
    "create_chat_completion": {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        **_IDENTITY,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "A small model guesses.", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": _USAGE,
        "system_fingerprint": "fp_0123456789ab",
        "helix": _HELIX,
    },
    "create_completion": {
        "id": "cmpl-1",
        "object": "text_completion",
        **_IDENTITY,
        "choices": [{"index": 0, "text": " there was a", "logprobs": None, "finish_reason": "length"}],
        "usage": _USAGE,
        "system_fingerprint": "fp_0123456789ab",
        "helix": _HELIX,
    },
    "generate": {"id": "gen-1", **_IDENTITY, **_TEXT},
    "generate_batch": {
        "id": "gen-1",
        **_IDENTITY,
        "results": [_TEXT, _TEXT],
        "metrics": _METRICS | {"prompt_tokens": 8, "completion_tokens": 8},
        "helix": _HELIX,
    },
    "list_models": {"object": "list", "data": [_MODEL]},
    "retrieve_model": _MODEL,
    "tokenize": {"count": 2, "max_model_len": 2048, "tokens": [72, 73]},
    "detokenize": {"prompt": "Hi"},
    "tokenizer_info": {"bos_token": None, "eos_token": "<|im_end|>", "chat_template": "{{ messages[0].content }}"},
    "count_input_tokens": {"object": "response.input_tokens", "input_tokens": 12},
    "list_input_items": {
        "object": "list",
        "data": [_INPUT],
        "first_id": _INPUT["id"],
        "last_id": _INPUT["id"],
        "has_more": False,
    },
    "create_embedding": {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": "AACAPwAAAAAAAAAAAAAAAA=="}],
        "model": MODEL,
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
        "helix": {"pooling": "mean", "layer": "last", "normalized": True, "trained_for_similarity": False},
    },
    "delete_response": {"id": "resp_0123456789abcdef0123456789abcdef", "object": "response", "deleted": True},
    "check_health": {
        "status": "ok",
        "model": MODEL,
        "device": "cpu",
        "dtype": "float32",
        "num_running": 1,
        "num_waiting": 0,
        "num_blocks": 4096,
        "num_free_blocks": 4090,
        "block_size": 16,
        "kv_cache_dtype": "float32",
        "kv_cache_bytes": 201326592,
    },
    "engine_state": {
        "model": MODEL,
        "draft_model": "somebody/draft-of-it",
        "has_mtp": False,
        "device": "cpu",
        "dtype": "float32",
        "num_parameters": 11014272,
        "max_model_len": 2048,
        "max_num_requests": 272,
        "kv_cache_bytes": 201326592,
        "speculation_method": "auto",
        "speculation_depth": 16,
        "max_speculation_depth": 16,
        "num_steps": 310,
        "num_generated_tokens": 905,
        "num_preemptions": 0,
        "block_size": 16,
        "num_blocks": 2048,
        "blocks": [("cached", 7), ("private", 3), ("free", 2038)],
        "draft_blocks": [(True, 10), (False, 2038)],
        "requests": [
            {
                "id": "chatcmpl-01234567-0",
                "is_running": True,
                "num_prompt_tokens": 24,
                "num_cached_tokens": 16,
                "num_output_tokens": 14,
                "max_tokens": 400,
                "num_computed_tokens": 37,
                "num_draft_computed_tokens": 36,
                "num_preemptions": 0,
                "num_scheduled_tokens": 1,
                "num_draft_tokens": 4,
                "block_table": [7, 8, 9],
            }
        ],
    },
}
ANSWERS["check_ready"] = ANSWERS["check_health"]
ANSWERS |= dict.fromkeys(("create_response", "get_response", "cancel_response"), _RESPONSE)
"""By operation."""

ERROR = {
    "error": {
        "message": "temperature must be between 0 and 2, got 3.0",
        "type": "invalid_request_error",
        "param": "temperature",
        "code": "invalid_value",
    }
}
EVENT = 'id: 0\ndata: {"token":" there","token_ids":[11],"is_final":false}\n\n'
CHUNK = 'data: {"id":"chatcmpl-1","object":"chat.completion.chunk", ...}\n\ndata: [DONE]\n\n'
NAMED_EVENT = 'event: response.created\ndata: {"type":"response.created","sequence_number":0, ...}\n\n'
METRICS = """# HELP helix:num_requests_running Requests in the batch.
# TYPE helix:num_requests_running gauge
helix:num_requests_running{model_name="helix-demo"} 1.0
"""
