"""What products and categories have in common: insert or update by id, alone or together, and lists of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from tajo_pipelines.twin.brevo.ask import Answer
from tajo_pipelines.twin.brevo.errors import invalid, missing
from tajo_pipelines.twin.brevo.shapes import descending, known_only, many, since, whole
from tajo_pipelines.twin.brevo.state import Account
from tajo_pipelines.twin.brevo.values import shown_utc
from tajo_pipelines.twin.state_file import Documents

LEAST_OF_A_NAME = 3
_QUERY = ("limit", "offset", "sort", "ids", "name", "modifiedSince", "createdSince", "isDeleted")

Good = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Goods:
    """One kind of them.

    Attributes:
        name: ``product`` or ``category``.
        of: Where an account keeps them, by id.
    """

    name: str
    of: Callable[[Account], Documents]

    def put_one(self, account: Account, good: Good, *, update: bool) -> Answer:
        """Insert or update.

        Raises:
            ApiError: It exists and may not be updated, or it is new and has no name.
        """
        self._may(account, good, update=update)
        if self._store(account, good):
            return 201, {"id": good["id"]}
        return 204, None

    def put_many(
        self,
        account: Account,
        batch: Sequence[Good],
        *,
        update: bool,
        most: int,
        checked: Callable[[Good], None],
    ) -> Answer:
        """Insert or update all of them, or none.

        Raises:
            ApiError: Too many, one twice, one that isn't valid, exists and may not be updated, or lacks its name.
        """
        if not 1 <= len(batch) <= most:
            raise invalid(f"Pass 1 to {most} objects")
        for good in batch:
            checked(good)
        twice = [name for name, count in Counter(good["id"] for good in batch).items() if count > 1]
        if twice:
            raise invalid(f"Duplicate ids in the request: {', '.join(twice[:5])}")
        for good in batch:
            self._may(account, good, update=update)
        created = sum(self._store(account, good) for good in batch)
        return 201, {"createdCount": created, "updatedCount": len(batch) - created}

    def found(self, account: Account, query: QueryParams, more: Sequence[str] = ()) -> list[Good]:
        """What the filters that both kinds have find, oldest first.

        Args:
            account: Whose.
            query: The query's parameters.
            more: Parameters that the caller reads.

        Raises:
            ApiError: 400 for a parameter that isn't known or can't be read.
        """
        known_only(query, (*_QUERY, *more))
        ids, name = set(many(query, "ids")), query.get("name", "").lower()
        if name and len(name) < LEAST_OF_A_NAME:
            raise invalid("name needs 3 characters")
        modified, created = since(query, "modifiedSince"), since(query, "createdSince")
        deleted = query.get("isDeleted")
        if deleted not in (None, "true", "false"):
            raise invalid("isDeleted is not valid")
        return [
            stored
            for key, stored in self.of(account).items()
            if (not ids or key in ids)
            and name in stored[self.name]["name"].lower()
            and (modified is None or stored["modified"] > modified)
            and (created is None or stored["created"] > created)
            and (deleted is None or stored[self.name].get("isDeleted", False) is (deleted == "true"))
        ]

    def _may(self, account: Account, good: Good, *, update: bool) -> None:
        known = good["id"] in self.of(account)
        if known and not update:
            raise invalid(f"{self.name.capitalize()} with id {good['id']} already exists")
        if not known and not good.get("name"):
            raise missing("name is missing")

    def _store(self, account: Account, good: Good) -> bool:
        """Keep it; fields that aren't sent stay. Returns whether it is new."""
        kept, now = self.of(account), account.clock.seconds()
        old = kept.get(good["id"])
        kept[good["id"]] = {
            self.name: {**(old[self.name] if old else {}), **good},
            "created": old["created"] if old else now,
            "modified": now,
            "writes": 1 + (old["writes"] if old else 0),
        }
        return old is None


def need_id(good: Good) -> None:
    """Refuse an object without id.

    Raises:
        ApiError: 400.
    """
    if not good["id"]:
        raise missing("id is missing")


def paged(found: list[Good], query: QueryParams, most: int) -> tuple[list[Good], int]:
    """One page of what was found, the newest first unless asked otherwise, and the number of all."""
    limit, offset = whole(query, "limit", 50, most), whole(query, "offset", 0)
    ordered = list(reversed(found)) if descending(query) else found
    return ordered[offset : offset + limit], len(found)


def times(stored: Good) -> Good:
    """When it was created and changed, as lists show it."""
    return {"createdAt": shown_utc(stored["created"]), "modifiedAt": shown_utc(stored["modified"])}
