"""What `helix serve` prints while it loads, and once it serves."""

from __future__ import annotations

from dataclasses import fields

from helix import EngineInfo, SamplingParams
from openai_compat.config import ServerConfig

CAUTION = (
    "Warning: anyone who can reach {host} may use this server. Set --api-key or HELIX_API_KEY, or listen on 127.0.0.1."
)


def base_url(host: str, port: int) -> str:
    """Return the address for clients on this machine."""
    shown = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/v1"


def loading_line(config: ServerConfig, *, model: str, port: int) -> str:
    """Return what is said while there is nothing else to say yet; importing torch alone takes seconds."""
    return f"Loading {model}; until it is there, {base_url(config.host, port)} answers 503."


def _draft_model(info: EngineInfo) -> str:
    remarks = [remark for remark in (_weights(info.draft_quantization), info.draft_remark) if remark]
    draft = (info.draft_model or "none") + (f" ({', '.join(remarks)})" if remarks else "")
    if not info.has_mtp:
        return draft
    return f"{draft}, {'but' if info.draft_model is None else 'and'} the model's own heads"


def _weights(quantization: str) -> str:
    return "" if quantization == "none" else f"{quantization} weights"


def _inputs(info: EngineInfo) -> str:
    return "" if info.matmul_precision == "float32" else f"inputs of linear layers in {info.matmul_precision}"


def banner(info: EngineInfo, config: ServerConfig, *, model: str, port: int, version: str) -> str:
    """Return what runs, where it is, and two ways to talk to it."""
    url = base_url(config.host, port)
    num_tokens = info.num_blocks * info.block_size
    rows = {
        "model": f"{model} ({info.architecture}, {_count(info.num_parameters)} parameters)",
        "draft model": _draft_model(info),
        "device": ", ".join(filter(None, (info.device, info.dtype, _weights(info.quantization), _inputs(info)))),
        "context": f"{info.max_model_len:,} tokens",
        "KV cache": f"{info.num_blocks:,} blocks of {info.block_size} tokens = {num_tokens:,} tokens, "
        f"{info.kv_cache_bytes / 2**20:,.0f} MiB{' of int8' if info.kv_cache_dtype == 'int8' else ''}",
        "speculation": _speculation(info),
        "sampling": _sampling(info.default_sampling_params),
        "API key": "required" if config.api_key else "none",
        "listening on": url,
        "to see it": f"{url.removesuffix('/v1')} in a browser",
    }
    key_header = ' \\\n    -H "Authorization: Bearer $HELIX_API_KEY"' if config.api_key else ""
    key = "YOUR_KEY" if config.api_key else "none"
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "What is speculative decoding?"}}]}}'
    lines = [
        f"Helix {version}",
        *(f"  {name:<13} {text}" for name, text in rows.items()),
        "",
        "Ask from a shell:",
        "",
        f"  curl {url}/chat/completions -H 'Content-Type: application/json'{key_header} \\",
        f"    -d '{body}'",
        "",
        "Ask from Python (pip install openai):",
        "",
        "  from openai import OpenAI",
        f'  client = OpenAI(base_url="{url}", api_key="{key}")',
        '  question = {"role": "user", "content": "What is PagedAttention?"}',
        f'  answer = client.chat.completions.create(model="{model}", messages=[question])',
        "  print(answer.choices[0].message.content)",
        "",
        "Ctrl-C stops the server.",
    ]
    if config.is_open_to_network:
        lines += ["", CAUTION.format(host=config.host)]
    return "\n".join(lines)


def _speculation(info: EngineInfo) -> str:
    if info.speculation_method == "none":
        return "off"
    depth = "off unless a request asks for it" if info.speculation_depth == 0 else f"depth {info.speculation_depth}"
    return f"{info.speculation_method}, {depth} (requests may ask for 0 to {info.max_speculation_depth})"


def _sampling(defaults: SamplingParams) -> str:
    """Say what a request gets that asks for nothing."""
    openai = SamplingParams()
    own = [field.name for field in fields(defaults) if getattr(defaults, field.name) != getattr(openai, field.name)]
    if not own:
        return f"temperature {openai.temperature:g}, top_p {openai.top_p:g} (OpenAI's defaults)"
    return ", ".join(f"{name} {getattr(defaults, name):g}" for name in own) + " (the model's own defaults)"


def _count(number: int) -> str:
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return str(number)
