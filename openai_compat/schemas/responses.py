"""POST /v1/responses, and the response object it makes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from openai_compat.schemas.extension import HelixReport
from openai_compat.schemas.limits import MAX_MESSAGES, MAX_TOOLS, Identifier, Metadata
from openai_compat.schemas.response_items import OutputItem
from openai_compat.schemas.sampling import AnswerFields
from openai_compat.schemas.tools import ToolName

Includable = Literal[
    "message.output_text.logprobs",
    "reasoning.encrypted_content",  # reasoning is told in the clear, and taken back so
    # About items that no answer of this server has, which is therefore complete without them.
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
]


class TextFormat(Struct, kw_only=True, omit_defaults=True):
    """What the text must look like; everything but type belongs to json_schema."""

    type: Literal["text", "json_object", "json_schema"]
    name: Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]{1,64}$")] | None = None
    description: str | None = None
    schema: dict[str, Any] | UnsetType = UNSET
    strict: bool | None = None


class TextConfig(Struct, kw_only=True):
    """Form and length of the text."""

    format: TextFormat | None = None
    verbosity: Literal["low", "medium", "high"] | UnsetType | None = UNSET


class Reasoning(Struct, kw_only=True):
    """How much the model is to think; effort is given to the chat template."""

    effort: str | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    """Reasoning is told word for word, which nobody has to sum up."""
    generate_summary: Literal["auto", "concise", "detailed"] | UnsetType | None = UNSET


class ToolInputFormat(Struct, kw_only=True, omit_defaults=True):
    """What the input of a custom tool must look like."""

    type: Literal["text", "grammar"]
    syntax: Literal["lark", "regex"] | None = None
    definition: str | None = None


class ResponseTool(Struct, kw_only=True):
    """A tool, described in one level; types other than function and custom are refused."""

    type: str
    name: ToolName | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    parameters: dict[str, Any] | UnsetType | None = UNSET
    strict: bool | UnsetType | None = UNSET
    format: ToolInputFormat | UnsetType | None = UNSET
    """Of a custom tool's input."""


class ResponsesRequest(AnswerFields, kw_only=True):
    """A turn to be answered, alone or as the continuation of a response that was kept."""

    input: str | Annotated[list[dict[str, Any]], Meta(max_length=MAX_MESSAGES)]
    """Items; read one by one, because messages may leave out their type."""
    instructions: str | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    include: list[Includable] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    text: TextConfig | None = None
    reasoning: Reasoning | None = None
    tools: Annotated[list[ResponseTool], Meta(max_length=MAX_TOOLS)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    previous_response_id: Identifier | None = None
    store: bool | None = None
    """Null is true, as in OpenAI's API."""
    background: bool | None = None
    """True answers at once, and the response is asked for later; it must be kept."""
    truncation: Literal["auto", "disabled"] | None = None
    separate_reasoning: bool | None = None
    """False leaves reasoning in the text, tags and all; null is the server's setting."""
    chat_template_kwargs: dict[str, Any] | None = None

    # Bookkeeping of OpenAI's platform: accepted, without effect on the answer.
    metadata: Metadata | None = None
    max_tool_calls: int | None = None
    """Of built-in tools, of which there are none."""
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    prompt_cache_retention: str | None = None
    service_tier: str | None = None

    # Declared in order to be refused by name.
    conversation: Any = None
    prompt: Any = None
    context_management: Any = None
    moderation: Any = None
    access_programs: Any = None
    image: Any = None
    # Names of chat completions, refused with those of this API.
    messages: Any = None
    max_completion_tokens: Any = None
    response_format: Any = None
    reasoning_effort: Any = None
    verbosity: Any = None
    logprobs: Any = None


class InputTokensDetails(Struct, kw_only=True):
    """Of the prompt's tokens."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0
    """Tokens OpenAI bills for writing its cache; nobody is billed here."""


class OutputTokensDetails(Struct, kw_only=True):
    """Of the answer's tokens."""

    reasoning_tokens: int = 0


class ResponseUsage(Struct, kw_only=True):
    """Tokens of one response."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int


class IncompleteDetails(Struct, kw_only=True):
    """Why a response ended early."""

    reason: Literal["max_output_tokens"] = "max_output_tokens"


class ResponseError(Struct, kw_only=True):
    """Why a response failed, in one of OpenAI's words for it."""

    code: Literal["server_error", "rate_limit_exceeded", "invalid_prompt"]
    message: str


class ResponseObject(Struct, kw_only=True):
    """A response and, beside its output, what was asked; with usage and helix once it has ended."""

    id: str
    object: str = "response"
    created_at: int
    status: Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"] = "in_progress"
    completed_at: int | None = None
    background: bool = False
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None
    instructions: str | None
    max_output_tokens: int | None
    max_tool_calls: int | None
    model: str
    output: list[OutputItem] = field(default_factory=list)
    parallel_tool_calls: bool
    previous_response_id: str | None
    prompt_cache_key: str | None
    reasoning: Reasoning
    safety_identifier: str | None
    service_tier: str = "default"
    store: bool
    temperature: float
    text: TextConfig
    tool_choice: str | dict[str, Any]
    tools: list[ResponseTool]
    top_logprobs: int
    top_p: float
    truncation: Literal["auto", "disabled"]
    usage: ResponseUsage | None = None
    user: str | None
    metadata: dict[str, str]
    helix: HelixReport | UnsetType = UNSET


class DeletedResponse(Struct, kw_only=True):
    """The answer to a deletion."""

    id: str
    object: str = "response"
    deleted: bool = True


class RetrieveQuery(Struct, kw_only=True):
    """GET /v1/responses/{id}."""

    stream: bool = False
    """Tell the events again; only of a background response, and not long after its end."""
    starting_after: Annotated[int, Meta(ge=0)] | None = None
    """The number of the last event that the client has."""


class InputItemsQuery(Struct, kw_only=True):
    """GET /v1/responses/{id}/input_items."""

    after: str | None = None
    """The page begins behind the item of this id."""
    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "desc"


class InputTokens(Struct, kw_only=True):
    """How many tokens a request's input has."""

    object: str = "response.input_tokens"
    input_tokens: int
