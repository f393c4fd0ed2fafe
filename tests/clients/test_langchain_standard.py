"""LangChain's standard tests of chat models, as they are, on ChatOpenAI in front of Helix.

What cannot pass is named with its reason: what Helix refuses, and what the built-in model has not learnt.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import openai
import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests
from pydantic import ValidationError

from helix import AsyncEngine
from tests.servers import Server

PICTURE = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}
DOCUMENT = {"type": "file", "base64": "JVBERi0xLg==", "mime_type": "application/pdf", "filename": "a.pdf"}
RECORDING = {"type": "audio", "base64": "UklGRg==", "mime_type": "audio/wav"}
CALL = AIMessage("", tool_calls=[{"type": "tool_call", "id": "1", "name": "make", "args": {}}])
TEXT_ONLY = pytest.mark.xfail(
    strict=True, raises=openai.BadRequestError, reason="Helix serves text models and refuses other content by name"
)


def unlearnt(what: str, raises: type[Exception] | tuple[type[Exception], ...] = AssertionError) -> pytest.MarkDecorator:
    """Mark what a model of this size cannot do; the server has done its part when the model's words arrive."""
    return pytest.mark.xfail(strict=True, raises=raises, reason=f"the built-in model has not learnt to {what}")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def connections(anyio_backend: str) -> AsyncIterator[openai.DefaultAsyncHttpxClient]:
    """One loop for all tests and their connections, which ChatOpenAI would share with everybody in the process."""
    async with openai.DefaultAsyncHttpxClient() as client:
        yield client


@pytest.mark.anyio
@pytest.mark.filterwarnings(
    "ignore:Received a Pydantic BaseModel V1 schema:UserWarning",
    "ignore:Pydantic serializer warnings:UserWarning",
)
class TestHelix(ChatModelIntegrationTests):  # type: ignore[misc]  # its package has no types here
    @pytest.fixture(autouse=True)
    def _server(self, server: Server[AsyncEngine], connections: openai.DefaultAsyncHttpxClient) -> None:
        self.url = f"{server.url}/v1"
        self.connections = connections

    @pytest.fixture
    def benchmark(self) -> Callable[..., Any]:
        return lambda run: run()

    @pytest.fixture
    def vcr(self) -> SimpleNamespace:
        """Nothing is recorded: the server is there."""
        return SimpleNamespace(responses=[])

    @property
    def chat_model_class(self) -> Any:
        return ChatOpenAI

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "model": "helix-demo",
            "base_url": self.url,
            "api_key": "none",
            "http_async_client": self.connections,
            "temperature": 1,
            "seed": 1,
            "max_tokens": 500,
            "stream_usage": True,
        }

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def enable_vcr_tests(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "helix-demo"

    @TEXT_ONLY
    def test_image_inputs(self, model: BaseChatModel) -> None:
        model.invoke([HumanMessage([PICTURE])])

    @TEXT_ONLY
    def test_audio_inputs(self, model: BaseChatModel) -> None:
        model.invoke([HumanMessage([RECORDING])])

    @TEXT_ONLY
    def test_pdf_inputs(self, model: BaseChatModel) -> None:
        model.invoke([HumanMessage([DOCUMENT])])

    @TEXT_ONLY
    def test_image_tool_message(self, model: BaseChatModel) -> None:
        model.invoke([HumanMessage("Draw."), CALL, ToolMessage([PICTURE], tool_call_id="1")])

    @TEXT_ONLY
    def test_pdf_tool_message(self, model: BaseChatModel) -> None:
        model.invoke([HumanMessage("Write."), CALL, ToolMessage([DOCUMENT], tool_call_id="1")])

    @unlearnt("copy any number into a call")
    def test_tool_calling(self, model: BaseChatModel) -> None:
        super().test_tool_calling(model)

    @unlearnt("copy any number into a call")
    async def test_tool_calling_async(self, model: BaseChatModel) -> None:
        await super().test_tool_calling_async(model)

    @unlearnt("copy Chinese into a call")
    def test_unicode_tool_call_integration(self, model: BaseChatModel) -> None:
        super().test_unicode_tool_call_integration(model)

    @unlearnt("ask for the weather at a location rather than in a city", ValidationError)
    def test_agent_loop(self, model: BaseChatModel) -> None:
        super().test_agent_loop(model)

    @unlearnt("use the keys that a prompt asks for", (OutputParserException, openai.LengthFinishReasonError))
    def test_json_mode(self, model: BaseChatModel) -> None:
        super().test_json_mode(model)
