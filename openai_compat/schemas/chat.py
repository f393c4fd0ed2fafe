"""POST /v1/chat/completions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from openai_compat.schemas.extension import HelixReport
from openai_compat.schemas.limits import MAX_MESSAGES, MAX_TOOLS, Metadata
from openai_compat.schemas.messages import CustomCall, FunctionCall, Message, TextPart
from openai_compat.schemas.sampling import AnswerFields
from openai_compat.schemas.tools import FunctionDefinition, Tool, ToolChoice, ToolReference
from openai_compat.schemas.trace import TracedStep
from openai_compat.schemas.usage import Usage


class JsonSchemaFormat(Struct, kw_only=True):
    """A schema that the answer must satisfy."""

    name: Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    schema: dict[str, Any] | UnsetType = UNSET
    strict: bool | None = None


class ResponseFormat(Struct, kw_only=True):
    """What the answer must look like."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaFormat | None = None


class Prediction(Struct, kw_only=True):
    """What the client believes most of the answer will be: it makes the answer faster and never different."""

    type: Literal["content"]
    content: str | Annotated[list[TextPart], Meta(min_length=1)]


class ChatCompletionRequest(AnswerFields, kw_only=True):
    """A conversation to be answered."""

    messages: Annotated[list[Message], Meta(min_length=1, max_length=MAX_MESSAGES)]
    max_completion_tokens: int | None = None
    """Wins over max_tokens, its older name."""
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[list[Tool], Meta(max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: Annotated[list[FunctionDefinition], Meta(max_length=MAX_TOOLS)] | None = None
    """The older form of tools: at most one call, which comes as the message's function_call."""
    function_call: Literal["none", "auto"] | ToolReference | None = None
    prediction: Prediction | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    speculation_trace: bool | None = None
    """Tell with every piece of the answer which steps it came from: what was guessed, and what became of it."""
    separate_reasoning: bool | None = None
    """False leaves reasoning in the content, tags and all; null is the server's setting."""
    chat_template_kwargs: dict[str, Any] | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    """Null for both: a last message of the assistant is continued, and after any other one an answer begins."""

    # Bookkeeping of OpenAI's platform: accepted, without effect on the answer.
    metadata: Metadata | None = None
    store: bool | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: str | None = None
    service_tier: str | None = None

    # Declared in order to be refused by name.
    audio: Any = None
    modalities: list[str] | None = None
    web_search_options: Any = None
    moderation: Any = None


class TopLogprob(Struct, kw_only=True):
    """One alternative for a token."""

    token: str
    bytes: list[int]
    logprob: float


class ChatTokenLogprob(TopLogprob, kw_only=True):
    """One token of the answer and what the model found likely in its place."""

    top_logprobs: list[TopLogprob] = []


class ChatLogprobs(Struct, kw_only=True):
    """Log probabilities of an answer, or of one chunk of it."""

    content: list[ChatTokenLogprob]
    refusal: None = None


class ToolCall(Struct, kw_only=True, tag_field="type", tag="function"):
    """A call of a function in an answer."""

    id: str
    function: FunctionCall


class CustomToolCall(Struct, kw_only=True, tag_field="type", tag="custom"):
    """A call of a custom tool in an answer."""

    id: str
    custom: CustomCall


class FunctionDelta(Struct, kw_only=True):
    """What a chunk adds to a called function: its name once, and pieces of its arguments."""

    name: str | UnsetType = UNSET
    arguments: str


class CustomDelta(Struct, kw_only=True):
    """What a chunk adds to a called custom tool: its name once, and pieces of its input."""

    name: str | UnsetType = UNSET
    input: str


class ToolCallDelta(Struct, kw_only=True):
    """What a chunk adds to a call; id and type come once."""

    index: int
    id: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    function: FunctionDelta | UnsetType = UNSET
    custom: CustomDelta | UnsetType = UNSET


class AssistantAnswer(Struct, kw_only=True):
    """The message of a choice."""

    role: str = "assistant"
    content: str | None
    reasoning_content: str | UnsetType = UNSET
    """What the model thought before it answered."""
    refusal: None = None
    tool_calls: list[ToolCall | CustomToolCall] | UnsetType = UNSET
    function_call: FunctionCall | UnsetType = UNSET


ChatFinishReason = Literal["stop", "length", "tool_calls", "function_call"]


class ChatChoice(Struct, kw_only=True):
    """One answer."""

    index: int
    message: AssistantAnswer
    logprobs: ChatLogprobs | None = None
    finish_reason: ChatFinishReason
    speculation_trace: list[TracedStep] | UnsetType = UNSET


class ChatCompletion(Struct, kw_only=True):
    """All answers to a conversation."""

    id: str
    object: str = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage
    service_tier: str | UnsetType = UNSET
    system_fingerprint: str
    helix: HelixReport


class Delta(Struct, kw_only=True):
    """What a chunk adds to a message. Clients concatenate strings, so role comes once."""

    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[ToolCallDelta] | UnsetType = UNSET
    function_call: FunctionDelta | UnsetType = UNSET


class ChatChunkChoice(Struct, kw_only=True):
    """What a chunk adds to one answer."""

    index: int
    delta: Delta
    logprobs: ChatLogprobs | None = None
    finish_reason: ChatFinishReason | None = None
    speculation_trace: list[TracedStep] | UnsetType = UNSET


class ChatCompletionChunk(Struct, kw_only=True):
    """One event of a stream."""

    id: str
    object: str = "chat.completion.chunk"
    created: int
    model: str
    choices: list[ChatChunkChoice]
    usage: Usage | UnsetType | None = UNSET
    service_tier: str | UnsetType = UNSET
    system_fingerprint: str
    helix: HelixReport | UnsetType = UNSET
