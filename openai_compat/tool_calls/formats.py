"""The format in which a model was trained to write calls, told by its chat template."""

from __future__ import annotations

from openai_compat.tool_calls.deepseek import DEEPSEEK, DEEPSEEK_FENCED
from openai_compat.tool_calls.deepseek import OPEN as DEEPSEEK_OPEN
from openai_compat.tool_calls.format import ToolFormat
from openai_compat.tool_calls.harmony import CHANNEL, HARMONY, MESSAGE
from openai_compat.tool_calls.hermes import HERMES
from openai_compat.tool_calls.llama_json import LLAMA_JSON
from openai_compat.tool_calls.mistral import MISTRAL, MISTRAL_LISTS
from openai_compat.tool_calls.pythonic import LFM_OPEN, LLAMA_OPEN, PYTHONIC, PYTHONIC_LFM, PYTHONIC_LLAMA
from openai_compat.tool_calls.qwen_xml import QWEN_XML

# The first entry all of whose strings the template contains decides: those that say more stand first.
SIGNS: list[tuple[tuple[str, ...], ToolFormat]] = [
    ((CHANNEL, MESSAGE), HARMONY),
    (("<function=", "<parameter="), QWEN_XML),
    (("[TOOL_CALLS]", "[ARGS]"), MISTRAL),
    (("[TOOL_CALLS]",), MISTRAL_LISTS),
    ((DEEPSEEK_OPEN, "```json"), DEEPSEEK_FENCED),
    ((DEEPSEEK_OPEN,), DEEPSEEK),
    (("<tool_call>",), HERMES),
    ((LFM_OPEN,), PYTHONIC_LFM),
    ((LLAMA_OPEN,), PYTHONIC_LLAMA),
    (("[func_name1(",), PYTHONIC),
    (("<|start_header_id|>", "parameters"), LLAMA_JSON),
]


def tool_format_of(chat_template: str | None) -> ToolFormat:
    """Return the format of a chat template; that of Hermes, which most models know, where nothing says otherwise."""
    for signs, tool_format in SIGNS:
        if all(sign in (chat_template or "") for sign in signs):
            return tool_format
    return HERMES
