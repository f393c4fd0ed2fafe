"""The command answers at once, says what is wrong in a sentence, and passes every flag on."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from openai_compat.cli import main, parser
from openai_compat.commands.engine_options import engine_config
from openai_compat.commands.serve import server_config


def test_help_does_not_import_torch() -> None:
    """Importing torch takes seconds; --help must not."""
    code = (
        "import sys\n"
        "from openai_compat.cli import main\n"
        "try:\n"
        "    main(['serve', '--help'])\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "assert not {'torch', 'transformers', 'litestar'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "--speculation-depth" in done.stdout


def test_flags_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HELIX_API_KEY", raising=False)
    argv = ["serve", "some/model", "--draft-model", "some/draft", "--speculation-depth", "6", "--host", "0.0.0.0"]
    argv += ["--port", "0", "--device", "cpu", "--dtype", "float32", "--max-model-len", "512", "--max-num-seqs", "4"]
    argv += ["--block-size", "32", "--num-blocks", "99", "--no-enable-prefix-caching"]
    argv += ["--sampling-defaults", "openai"]
    argv += ["--served-model-name", "a", "--served-model-name", "b"]
    options = parser().parse_args(argv)
    engine, server = engine_config(options), server_config(options)
    assert (engine.model.model, engine.model.device, engine.model.dtype) == ("some/model", "cpu", "float32")
    assert engine.model.max_model_len == 512
    assert engine.model.sampling_defaults == "openai"
    assert (engine.speculative.draft_model, engine.speculative.speculation_depth) == ("some/draft", 6)
    assert (engine.cache.block_size, engine.cache.num_blocks) == (32, 99)
    assert engine.cache.enable_prefix_caching is False
    assert engine.scheduler.max_num_seqs == 4
    assert (server.host, server.port, server.served_model_name) == ("0.0.0.0", 0, ("a", "b"))
    assert server.api_key == ()


def test_the_built_in_model_is_the_default() -> None:
    model = engine_config(parser().parse_args(["serve"])).model
    assert (model.model, model.sampling_defaults) == ("helix-demo", "model")


def test_the_environment_has_the_key_and_the_flag_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIX_API_KEY", "from-environment")
    assert server_config(parser().parse_args(["serve"])).api_key == ("from-environment",)
    assert server_config(parser().parse_args(["serve", "--api-key", "from-flag"])).api_key == ("from-flag",)
    monkeypatch.setenv("HELIX_API_KEY", "one, two,,one")
    assert server_config(parser().parse_args(["serve"])).api_key == ("one", "two")


def test_a_file_has_further_keys(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("# ours\nsk-1\n\n  sk-2  # Ada's\n")
    argv = ["serve", "--api-key-file", str(keys), "--api-key", "sk-0", "--max-requests-per-key", "4"]
    config = server_config(parser().parse_args(argv))
    assert config.api_key == ("sk-0", "sk-1", "sk-2")
    assert config.max_requests_per_key == 4


@pytest.mark.parametrize(("text", "reason"), [(None, "cannot be read"), ("# nobody\n\n", "has no keys")])
def test_a_file_without_keys_lets_nobody_in(
    tmp_path: Path, text: str | None, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys"
    if text is not None:
        keys.write_text(text)
    assert main(["serve", "--api-key-file", str(keys)]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["serve", "--block-size", "0"], "helix: block_size must be positive, got 0"),
        (["serve", "--port", "99999"], "helix: port must be between 0 and 65535, got 99999"),
        (["serve", "--host", "203.0.113.7"], "helix: other machines can reach 203.0.113.7, so clients need a key: "),
        (["serve", "--host", "203.0.113.7", "--api-key", "k"], "helix: cannot listen on 203.0.113.7:8000: "),
    ],
)
def test_bad_settings_are_a_sentence_and_status_2(
    argv: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HELIX_API_KEY", raising=False)
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert error.startswith(sentence)
    assert error.count("\n") == 1


def test_a_taken_port_is_known_before_a_model_is_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    assert f"port {port} on 127.0.0.1 is in use" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [[], ["cook"], ["serve", "--spec", "3"]])
def test_unknown_words_are_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert "usage: helix" in capsys.readouterr().err
