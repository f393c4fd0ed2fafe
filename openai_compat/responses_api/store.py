"""Responses that are kept for later: bounded, expiring, in memory or in a SQLite file, and each key's own."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from helix import ConfigError
from openai_compat.schemas.response_items import Item
from openai_compat.schemas.responses import ResponseObject

MAX_RESPONSES = 10_000
MAX_AGE_S = 30 * 24 * 3600.0
"""OpenAI keeps responses for 30 days."""

_FORMAT = 1
"""Number in the file; another one was written by a version that this one cannot read."""
_SCHEMA = f"""
CREATE TABLE responses (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    previous_id TEXT,
    used_at REAL NOT NULL,
    size INTEGER NOT NULL,
    response BLOB NOT NULL,
    input_items BLOB NOT NULL
);
CREATE INDEX responses_by_use ON responses (used_at, size);
PRAGMA user_version = {_FORMAT};
"""
_CHAIN = """
WITH RECURSIVE chain (id, previous_id, distance) AS (
    SELECT id, previous_id, 0 FROM responses WHERE id = :id AND owner = :owner AND used_at >= :oldest
    UNION ALL
    SELECT older.id, older.previous_id, distance + 1
    FROM responses AS older JOIN chain ON older.id = chain.previous_id
    WHERE older.owner = :owner AND older.used_at >= :oldest
)
"""
# The most recently used responses within both limits stay.
_EVICT = """
DELETE FROM responses WHERE rowid IN (
    SELECT rowid FROM (
        SELECT rowid, ROW_NUMBER() OVER latest AS number, SUM(size) OVER latest AS bytes
        FROM responses WINDOW latest AS (ORDER BY used_at DESC, rowid DESC)
    ) WHERE number > ? OR bytes > ?
)
"""

_decode_response = msgspec.json.Decoder(ResponseObject).decode
_decode_items = msgspec.json.Decoder(list[Item]).decode


@dataclass(frozen=True, slots=True)
class Turn:
    """A response and the input it answered, without what went before."""

    response: ResponseObject
    input_items: Sequence[Item]


class ResponseStore:
    """Keeps turns by response id; those that nobody used for max_age_s go, and the least recently used beyond a limit.

    Continuing a response uses the whole conversation before it, so that one which goes on does not lose its beginning.
    An owner's responses do not exist for others. Methods block, and may be called from several threads.

    Raises:
        ConfigError: path is no file for responses.
    """

    def __init__(
        self,
        path: str | None = None,
        *,
        max_bytes: int,
        max_responses: int = MAX_RESPONSES,
        max_age_s: float = MAX_AGE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._max_bytes, self._max_responses, self._max_age_s = max_bytes, max_responses, max_age_s
        self._clock = clock
        self._lock = threading.Lock()
        try:
            self._connection = _open(path)
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(f"response_store {path} cannot be used: {error}") from error

    def put(self, owner: str, turn: Turn) -> None:
        """Keep a turn, and let go of what no longer fits."""
        response, items = msgspec.json.encode(turn.response), msgspec.json.encode(turn.input_items)
        row = (turn.response.id, owner, turn.response.previous_response_id)
        with self._lock, self._connection as connection:
            now = self._clock()
            connection.execute(
                "INSERT INTO responses (id, owner, previous_id, used_at, size, response, input_items)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*row, now, len(response) + len(items), response, items),
            )
            connection.execute("DELETE FROM responses WHERE used_at < ?", (now - self._max_age_s,))
            connection.execute(_EVICT, (self._max_responses, self._max_bytes))

    def get(self, owner: str, id: str) -> Turn | None:
        """Return a turn, or None where the owner has no such response."""
        with self._lock, self._connection as connection:
            now = self._clock()
            rows = connection.execute(
                "UPDATE responses SET used_at = ? WHERE id = ? AND owner = ? AND used_at >= ?"
                " RETURNING response, input_items",
                (now, id, owner, now - self._max_age_s),
            ).fetchall()
        return _turn(rows[0]) if rows else None

    def conversation(self, owner: str, id: str) -> list[Turn] | None:
        """Return a turn and all those before it, oldest first, or None where one of them is missing."""
        now = self._clock()
        who = {"id": id, "owner": owner, "now": now, "oldest": now - self._max_age_s}
        with self._lock, self._connection as connection:
            connection.execute(f"{_CHAIN} UPDATE responses SET used_at = :now WHERE id IN (SELECT id FROM chain)", who)
            rows = connection.execute(
                f"{_CHAIN} SELECT response, input_items FROM chain JOIN responses USING (id) ORDER BY distance DESC",
                who,
            ).fetchall()
        turns = [_turn(row) for row in rows]
        return turns if turns and turns[0].response.previous_response_id is None else None

    def delete(self, owner: str, id: str) -> bool:
        """Forget a turn; return whether there was one."""
        with self._lock, self._connection as connection:
            deleted = connection.execute("DELETE FROM responses WHERE id = ? AND owner = ?", (id, owner))
            return deleted.rowcount > 0

    def close(self) -> None:
        """Close the file; nothing may be called afterwards."""
        with self._lock:
            self._connection.close()


def _open(path: str | None) -> sqlite3.Connection:
    """Return a connection to a file that only its user can read, or to memory."""
    if path is not None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path or ":memory:", timeout=10, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        (num_tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        if found == 0 and num_tables == 0:
            connection.executescript(_SCHEMA)
        elif found != _FORMAT:
            raise sqlite3.DatabaseError("the file holds something else")
    except BaseException:
        connection.close()
        raise
    return connection


def _turn(row: tuple[bytes, bytes]) -> Turn:
    response, items = row
    return Turn(_decode_response(response), _decode_items(items))
