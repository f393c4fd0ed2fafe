"""Text to ids and back, and the chat template."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from helix.errors import InvalidRequestError, ModelLoadError, TextTooLongError
from helix.generation_config import GenerationConfig
from helix.text.bounded_rendering import bounded_rendering
from helix.text.detokenizer import ByteDetokenizer, IncrementalDetokenizer, WindowDetokenizer
from helix.text.probes import probe_texts
from helix.text.tiktoken_encoder import TiktokenEncoder
from helix.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_TEMPLATE_ERRORS = (TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
_NUM_VOCABULARY_PROBES = 2000
_NUM_CONTEXT_TOKENS = 8
_MAX_SHARE_OF_OTHERS = 0.01
MAX_CHARS_PER_TOKEN = 64
"""Of a text that is to be encoded, on average; longer texts are refused unread, because encoding them takes long."""
_MAX_TIKTOKEN_CHARS = 250_000
"""tiktoken's expressions run out of stack in longer runs of spaces, and end the thread."""


class Tokenizer:
    """A tokenizer of transformers, with tiktoken doing the encoding where it proves identical.

    Reading methods change nothing and are safe to call from any thread.

    Args:
        tokenizer: A fast tokenizer; it is the new object's own from now on.
        eos_token_ids: Ends of sequence besides the tokenizer's own.

    Raises:
        ModelLoadError: The tokenizer has no implementation in the tokenizers library.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, eos_token_ids: Iterable[int] = ()) -> None:
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ModelLoadError(f"{type(tokenizer).__name__} is not a fast tokenizer: tokenizer.json is needed")
        backend.no_truncation()
        backend.no_padding()
        self._tokenizer = tokenizer
        self._backend = backend
        self._vocabulary = Vocabulary.read(backend)
        skipped = self._vocabulary.special_ids
        self._printable_bytes = [b"" if i in skipped else b for i, b in enumerate(self._vocabulary.token_bytes)]
        self.vocab_size = len(self._vocabulary.token_bytes)
        """Number of ids that mean something, added tokens included: the largest id plus one."""
        self.is_context_free = self._vocabulary.is_context_free
        """Whether every text is its tokens' bytes, one after another."""
        self.eos_token_id: int | None = tokenizer.eos_token_id
        """The tokenizer's own end of sequence."""
        own_eos = frozenset() if self.eos_token_id is None else {self.eos_token_id}
        self.eos_token_ids = frozenset(eos_token_ids) | own_eos
        self.bos_token_id: int | None = tokenizer.bos_token_id
        self.has_chat_template = bool(tokenizer.chat_template)
        self.chat_template = _template_text(tokenizer.chat_template)
        """The source of the chat template that tools are shown in; None: there is none."""
        self._prefix, self._suffix = _special_frame(backend)
        self._max_chars: int | None = None
        self._tiktoken = self._prove_tiktoken()
        self.backend = "tokenizers" if self._tiktoken is None else "tiktoken"
        """Who encodes: tiktoken or tokenizers."""

    @classmethod
    def from_pretrained(cls, path: str, *, revision: str | None = None, trust_remote_code: bool = False) -> Tokenizer:
        """Load from a folder or the Hugging Face hub, with the ends of sequence of generation_config.json.

        Raises:
            ModelLoadError: There is no tokenizer, or it cannot be read.
        """
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(path, revision=revision, trust_remote_code=trust_remote_code)
        except Exception as error:  # the tokenizers library raises plain Exception for what it cannot read
            raise ModelLoadError(f"the tokenizer of {path} cannot be loaded: {error}") from error
        return cls(tokenizer, eos_token_ids=GenerationConfig.read(path, revision=revision).eos_token_ids)

    def limit(self, max_model_len: int) -> None:
        """Let encode refuse texts that are too long for a context before it reads them."""
        self._max_chars = max_model_len * MAX_CHARS_PER_TOKEN

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """Return the ids of text; the text of an added token becomes that token.

        add_special_tokens puts what the tokenizer puts around a text, such as a beginning of sequence. Unpaired
        surrogates, which JSON can spell but UTF-8 cannot, become replacement characters.

        Raises:
            TextTooLongError: The text is beyond the limit.
        """
        if self._max_chars is not None and len(text) > self._max_chars:
            raise TextTooLongError(
                num_chars=len(text), max_model_len=self._max_chars // MAX_CHARS_PER_TOKEN, max_chars=self._max_chars
            )
        return self._encode(text, add_special_tokens=add_special_tokens)

    def _encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        if not text.isascii():
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if self._tiktoken is None or len(text) > _MAX_TIKTOKEN_CHARS:
            # unlike its sister for one text, this one lets other threads go on meanwhile
            (encoded,) = self._backend.encode_batch_fast([text], add_special_tokens=add_special_tokens)
            return list(encoded.ids)
        token_ids = self._tiktoken.encode(text)
        return [*self._prefix, *token_ids, *self._suffix] if add_special_tokens else token_ids

    def encode_behind(self, context: str, text: str) -> list[int]:
        """Return the ids of a text that follows another, no token added, as they are where both are encoded together.

        Where no token ends between the two, or nothing comes before, text is encoded alone.
        """
        together = self._encode(context + text, add_special_tokens=False) if context else []
        num_left = len(text.encode("utf-8", "replace"))
        start = len(together)
        while start and num_left > 0:
            start -= 1
            num_left -= len(self.token_bytes(together[start]))
        return together[start:] if start and num_left == 0 else self._encode(text, add_special_tokens=False)

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        """Return the text of token_ids; bytes that are not UTF-8 become replacement characters."""
        if self._vocabulary.is_context_free:
            return self._vocabulary.decode(token_ids, skip_special_tokens=skip_special_tokens)
        text: str = self._backend.decode(list(token_ids), skip_special_tokens=skip_special_tokens)
        return text

    @property
    def prefix_token_ids(self) -> list[int]:
        """What encode puts before a text, such as a beginning of sequence."""
        return list(self._prefix)

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes one token stands for, possibly half a character; a special token's are its text.

        Ids without a token, such as padding of the model's output, have none.
        """
        return self._vocabulary.token_bytes[token_id] if 0 <= token_id < self.vocab_size else b""

    def token_text(self, token_id: int) -> str:
        """Return one token in printable form; half characters become replacement characters."""
        return self.token_bytes(token_id).decode("utf-8", "replace")

    @property
    def special_ids(self) -> frozenset[int]:
        """The tokens that skip_special_tokens skips."""
        return self._vocabulary.special_ids

    def is_special(self, token_id: int) -> bool:
        """Return whether skip_special_tokens skips this token."""
        return token_id in self._vocabulary.special_ids

    def apply_chat_template(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = True,
        continue_final_message: bool = False,
        **kwargs: Any,
    ) -> list[int]:
        """Render messages with the model's own template, in its sandbox, and encode what it says, no token added.

        kwargs are the template's variables. Text of a special token inside a message becomes that token, as in
        transformers. continue_final_message leaves the last message open and excludes add_generation_prompt.

        Raises:
            InvalidRequestError: There is no template, it refuses the messages or does not end, kwargs are not for it,
                or the text is beyond the limit.
        """
        if not self.has_chat_template:
            raise InvalidRequestError("this model has no chat template; send a text completion", param="messages")
        render: Callable[..., str] = self._tokenizer.apply_chat_template
        # another template, or another way to render, is not the caller's to choose
        if reserved := kwargs.keys() & inspect.signature(render).parameters.keys() - {"documents"}:
            raise InvalidRequestError(f"{min(reserved)} is not a variable of the chat template", param=min(reserved))
        try:
            with bounded_rendering():
                text = render(
                    [dict(message) for message in messages],
                    tools=list(tools) if tools else None,
                    add_generation_prompt=add_generation_prompt,
                    continue_final_message=continue_final_message,
                    tokenize=False,
                    **kwargs,
                )
        except _TEMPLATE_ERRORS as error:
            reason = str(error) or type(error).__name__
            raise InvalidRequestError(
                f"the chat template cannot render messages: {reason}", param="messages"
            ) from error
        return self.encode(text, add_special_tokens=False)

    def detokenizer(
        self, *, skip_special_tokens: bool = True, prompt_token_ids: Sequence[int] = ()
    ) -> IncrementalDetokenizer:
        """Return a push parser for one output.

        prompt_token_ids is what the output continues: SentencePiece vocabularies drop the space of a text's first
        word, which a continuation must keep. Without it the pushed text equals decode's.
        """
        vocabulary = self._vocabulary
        if not vocabulary.is_context_free:
            return WindowDetokenizer(
                lambda token_ids: self.decode(token_ids, skip_special_tokens=skip_special_tokens),
                context=prompt_token_ids[-_NUM_CONTEXT_TOKENS:],
            )
        table = self._printable_bytes if skip_special_tokens else vocabulary.token_bytes
        begins_text = not any(table[i] for i in prompt_token_ids if i < len(table))
        return ByteDetokenizer(table, strip_leading_space=vocabulary.strips_leading_space and begins_text)

    def _prove_tiktoken(self) -> TiktokenEncoder | None:
        """Return a tiktoken encoder if it exists and gives the same ids on probe texts and a share of all tokens."""
        settings = json.loads(self._backend.to_str())
        encoder = TiktokenEncoder.from_settings(settings)
        if encoder is None:
            return None
        step = max(self.vocab_size // _NUM_VOCABULARY_PROBES, 1)
        tokens = [token.decode("utf-8", "replace") for token in self._vocabulary.token_bytes[::step]]
        for text in probe_texts([token["content"] for token in settings["added_tokens"]]) + tokens:
            plain = encoder.encode(text)
            if plain != self._backend.encode(text, add_special_tokens=False).ids:
                return None
            if [*self._prefix, *plain, *self._suffix] != self._backend.encode(text).ids:
                return None
        return encoder


def same_vocabulary(first: Tokenizer, second: Tokenizer) -> bool:
    """Return whether nearly every id stands for the same bytes, so that one model can draft for the other.

    Models of a family differ in a few added tokens and names of markers; a guess among those is at worst a wrong one.
    Compares contents; how far a model pads its embedding beyond them does not matter.
    """
    pairs = zip_longest(first._vocabulary.token_bytes, second._vocabulary.token_bytes)
    num_different = sum(1 for one, other in pairs if one != other)
    return num_different <= _MAX_SHARE_OF_OTHERS * max(first.vocab_size, second.vocab_size)


def _template_text(template: str | Mapping[str, str] | None) -> str | None:
    """Return the template that transformers takes when there are tools."""
    if isinstance(template, Mapping):
        return template.get("tool_use") or template.get("default")
    return template


def _special_frame(backend: Any) -> tuple[list[int], list[int]]:
    """Return the ids that the post-processor puts before and after a text."""
    plain, framed = backend.encode("a", add_special_tokens=False).ids, backend.encode("a").ids
    start = next((i for i in range(len(framed)) if framed[i : i + len(plain)] == plain), 0)
    return framed[:start], framed[start + len(plain) :]
