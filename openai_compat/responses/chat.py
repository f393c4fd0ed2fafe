"""Engine outputs become a ChatCompletion, or a stream of ChatCompletionChunks."""

from __future__ import annotations

import functools
import uuid
from typing import Any

from msgspec import UNSET, UnsetType

from helix import FinishReason, RequestOutput, TokenLogprob
from openai_compat import sse
from openai_compat.choice_outputs import Batches, ChoiceOutputs, Taken
from openai_compat.reasoning import Reasoning
from openai_compat.responses.answer import Answer
from openai_compat.responses.chunks import answer_chunks
from openai_compat.responses.logprobs import chat_logprobs, shown_logprobs
from openai_compat.responses.reader import AnswerReader
from openai_compat.responses.trace import traced_steps
from openai_compat.schemas.chat import (
    AssistantAnswer,
    ChatChoice,
    ChatChunkChoice,
    ChatCompletion,
    ChatCompletionChunk,
    ChatFinishReason,
    CustomDelta,
    CustomToolCall,
    Delta,
    FunctionDelta,
    ToolCall,
    ToolCallDelta,
)
from openai_compat.schemas.messages import CustomCall, FunctionCall
from openai_compat.schemas.trace import TracedStep
from openai_compat.tool_calls.parser import CallArguments, CallStart, Piece


async def chat_completion(answer: Answer, outputs: ChoiceOutputs) -> ChatCompletion:
    """Return the whole answer."""
    choices = [_Choice(answer, index) for index in range(outputs.num_choices)]
    while not outputs.is_finished:
        for index, output in await outputs.take():
            answer.tally.add(index, output)
            choices[index].collect(output)
    return ChatCompletion(
        **_identity(answer),
        choices=[choice.whole() for choice in choices],
        usage=answer.tally.usage(outputs.num_choices),
        helix=answer.tally.report(),
    )


def chat_chunks(answer: Answer, outputs: ChoiceOutputs) -> Batches[list[ChatCompletionChunk]]:
    """Return the answer in pieces, those that came together in one list; the last piece has the numbers."""
    choices = [_Choice(answer, index) for index in range(outputs.num_choices)]

    def pieces(taken: Taken) -> list[ChatChunkChoice]:
        return [delta for index, output in taken for delta in choices[index].deltas(output)]

    text = ChatChunkChoice(index=0, delta=Delta(content=sse.TEXT)) if choices[0].adds_text else None
    return answer_chunks(answer, outputs, functools.partial(ChatCompletionChunk, **_identity(answer)), pieces, text)


def _identity(answer: Answer) -> dict[str, Any]:
    return {
        "id": answer.id,
        "created": answer.created,
        "model": answer.model,
        "system_fingerprint": answer.system_fingerprint,
        "service_tier": answer.service_tier,
    }


class _Choice:
    """One choice on its way from outputs to a message, or to deltas."""

    def __init__(self, answer: Answer, index: int) -> None:
        self._answer = answer
        self._index = index
        self._reader = AnswerReader(answer)
        self._has_role = False
        self._has_calls = False
        self._num_calls = 0
        self._is_custom = False  # the call that began last
        self._is_legacy = answer.tools is not None and answer.tools.is_legacy
        self._thoughts: list[str] = []
        self._texts: list[str] = []
        self._calls: list[FunctionCall | CustomCall] = []
        self._logprobs: list[TokenLogprob] = []
        self._steps: list[TracedStep] = []
        self._finish_reason: ChatFinishReason = "stop"

    def collect(self, output: RequestOutput) -> None:
        """Take one output of a message that is answered as a whole."""
        for piece in self._read(output):
            match piece:
                case Reasoning(text=text):
                    self._thoughts.append(text)
                case CallStart(name=name, is_custom=True):
                    self._calls.append(CustomCall(name=name, input=""))
                case CallStart(name=name):
                    self._calls.append(FunctionCall(name=name, arguments=""))
                case CallArguments(text=text):
                    _extend(self._calls[-1], text)
                case str():
                    self._texts.append(piece)
        self._logprobs += shown_logprobs(output, self._answer.params, self._answer.tokenizer) or ()
        self._steps += traced_steps(output, self._answer.tokenizer)

    def whole(self) -> ChatChoice:
        """Return the message."""
        content = "".join(self._texts)
        wants_logprobs = self._answer.params.logprobs is not None
        message = AssistantAnswer(
            content=None if self._calls and not content else content,
            reasoning_content="".join(self._thoughts) or UNSET,
        )
        if self._is_legacy and self._calls:
            message.function_call = self._calls[0] if isinstance(self._calls[0], FunctionCall) else UNSET
        elif self._calls:
            message.tool_calls = [_tool_call(call) for call in self._calls]
        return ChatChoice(
            index=self._index,
            message=message,
            logprobs=chat_logprobs(self._logprobs, self._answer.tokenizer) if wants_logprobs else None,
            finish_reason=self._finish_reason,
            speculation_trace=self._steps if self._answer.params.reports_steps else UNSET,
        )

    @property
    def adds_text(self) -> bool:
        """Whether an output that is neither the first nor the last adds a delta of content and nothing else."""
        params = self._answer.params
        return self._reader.is_plain and params.logprobs is None and not params.reports_steps

    def deltas(self, output: RequestOutput) -> list[ChatChunkChoice]:
        """Return what one output adds to a stream: role at first, then content and calls, finish_reason at last."""
        deltas: list[Delta] = []
        if not self._has_role:
            self._has_role = True
            deltas.append(Delta(role="assistant", content=""))
        first_content = len(deltas)
        deltas += [self._delta(piece) for piece in self._read(output)]
        entries = shown_logprobs(output, self._answer.params, self._answer.tokenizer)
        steps = traced_steps(output, self._answer.tokenizer)
        if (entries or steps) and len(deltas) == first_content:
            deltas.append(Delta(content=""))  # tokens without text so far: half a character, or the beginning of a stop
        choices = [ChatChunkChoice(index=self._index, delta=delta) for delta in deltas]
        if entries:
            choices[first_content].logprobs = chat_logprobs(entries, self._answer.tokenizer)
        if steps:
            choices[first_content].speculation_trace = steps
        if output.is_finished:
            choices.append(ChatChunkChoice(index=self._index, delta=Delta(), finish_reason=self._finish_reason))
        return choices

    def _delta(self, piece: Reasoning | Piece) -> Delta:
        """Return what a piece adds to the message; clients join strings, so a call's id and name come once."""
        match piece:
            case Reasoning(text=text):
                return Delta(reasoning_content=text)
            case CallStart(name=name, is_custom=is_custom):
                self._num_calls += 1
                self._is_custom = is_custom
                return self._call_delta(name, "")
            case CallArguments(text=text):
                return self._call_delta(UNSET, text)
            case str():
                return Delta(content=piece)

    def _call_delta(self, name: str | UnsetType, text: str) -> Delta:
        """Return what a call's beginning, which has a name, or more of its arguments add to the message."""
        if self._is_legacy:
            return Delta(function_call=FunctionDelta(name=name, arguments=text))
        call = ToolCallDelta(index=self._num_calls - 1)
        if name is not UNSET:
            call.id, call.type = _call_id(), "custom" if self._is_custom else "function"
        if self._is_custom:
            call.custom = CustomDelta(name=name, input=text)
        else:
            call.function = FunctionDelta(name=name, arguments=text)
        return Delta(tool_calls=[call])

    def _read(self, output: RequestOutput) -> list[Reasoning | Piece]:
        """Return the pieces of an output's text and note its end."""
        pieces = self._reader.read(output)
        tools = self._answer.tools
        if tools is not None:
            self._has_calls = self._has_calls or any(isinstance(piece, CallStart) for piece in pieces)
        if output.finish_reason is FinishReason.LENGTH:
            self._finish_reason = "length"
        elif output.is_finished and self._has_calls and tools and not tools.is_named:
            # a named call is no news to the client: OpenAI says "stop"
            self._finish_reason = "function_call" if self._is_legacy else "tool_calls"
        return pieces


def _tool_call(call: FunctionCall | CustomCall) -> ToolCall | CustomToolCall:
    if isinstance(call, CustomCall):
        return CustomToolCall(id=_call_id(), custom=call)
    return ToolCall(id=_call_id(), function=call)


def _extend(call: FunctionCall | CustomCall, text: str) -> None:
    if isinstance(call, CustomCall):
        call.input += text
    else:
        call.arguments += text


def _call_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"
