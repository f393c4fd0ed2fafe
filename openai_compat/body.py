"""Reads a JSON request body into its Struct and names what is wrong with it."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException

from openai_compat.errors import ApiError, ClientClosedRequest

RequestT = TypeVar("RequestT", bound=msgspec.Struct)

IGNORED_FIELDS_HEADER = "x-helix-ignored-fields"
"""Response header that lists the request's fields which nobody read."""

_AT = re.compile(r" - at (?:`key` in )?`\$\.?(?P<path>[^`]*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<field>\w+)`")
_PLAIN_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)


async def read_body(request: Request[Any, Any, Any], kind: type[RequestT]) -> tuple[RequestT, dict[str, str]]:
    """Return the request and the headers its answer must carry.

    The content type is not looked at: curl's default says form, and what it sends is JSON all the same.

    Raises:
        ApiError: The body is no JSON, or no such request; param is the path of the offending field.
        ClientClosedRequest: The client left before the body was here.
    """
    try:
        body = await request.body()
    except InternalServerException:  # Litestar's word for that, which would be logged as a failure of ours
        raise ClientClosedRequest from None
    try:
        fields = msgspec.json.decode(body, type=kind)
        ignored = _ignored(body, fields)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ApiError(
            400, f"We could not parse the JSON body of your request: {reason}.", code="invalid_json"
        ) from None
    return fields, _ignored_header(ignored)


def read_value(value: Any, kind: type[RequestT], path: str) -> RequestT:
    """Return a part of a request that was decoded before its type was known.

    Raises:
        ApiError: It is no such thing; param is the path of the offending field, which path leads to.
    """
    try:
        return msgspec.convert(value, type=kind)
    except msgspec.ValidationError as error:
        text = str(error)
        located = text.replace("`$", f"`$.{path}", 1) if _AT.search(text) else f"{text} - at `$.{path}`"
        raise _invalid(located) from None


def read_query(request: Request[Any, Any, Any], kind: type[RequestT]) -> RequestT:
    """Return the parameters behind the question mark, as a list where one is given several times.

    Raises:
        ApiError: They are no such thing; param is the offending one.
    """
    values: dict[str, str | list[str]] = {}
    for name in request.query_params:
        given = request.query_params.getall(name)
        values[name] = given if len(given) > 1 else given[0]
    try:
        return msgspec.convert(values, type=kind, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None


def unread_parameters(request: Request[Any, Any, Any], kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return the headers of an answer to a query of which kind was read."""
    return _ignored_header([name for name in request.query_params if name not in kind.__struct_encode_fields__])


def _ignored(body: bytes | msgspec.Raw, read: msgspec.Struct) -> list[str]:
    """Return the paths of the keys that read was not made from, in objects inside it as well, but not in lists."""
    names = dict(zip(read.__struct_encode_fields__, read.__struct_fields__, strict=True))
    ignored: list[str] = []
    for name, value in msgspec.json.decode(body, type=dict[str, msgspec.Raw]).items():
        if name in names:
            inner = getattr(read, names[name])
            if isinstance(inner, msgspec.Struct):
                ignored += [f"{name}.{path}" for path in _ignored(value, inner)]
        elif name != read.__struct_config__.tag_field:
            ignored.append(name)
    return ignored


def _ignored_header(names: list[str]) -> dict[str, str]:
    if not names:
        return {}
    shown = [name if _PLAIN_NAME.fullmatch(name) else "?" for name in names[:32]]
    return {IGNORED_FIELDS_HEADER: ", ".join(shown)}


def _invalid(text: str) -> ApiError:
    """Turn msgspec's sentence, such as "Expected `int`, got `str` - at `$.messages[0].content`", into an error."""
    at = _AT.search(text)
    path = at["path"].removesuffix("[...]") if at else ""
    reason = text[: at.start()] if at else text
    missing = _MISSING.fullmatch(reason)
    if missing:
        param = f"{path}.{missing['field']}" if path else missing["field"]
        return ApiError(400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    if not path:
        return ApiError(400, f"Invalid request body: {reason}.", code="invalid_type")
    if reason.startswith("Expected") and "got" in reason:
        return ApiError(400, f"Invalid type for '{path}': {reason}.", param=path, code="invalid_type")
    return ApiError(400, f"Invalid value for '{path}': {reason}.", param=path, code="invalid_value")
