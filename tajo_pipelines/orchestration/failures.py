"""Errors as Dagster shows them: one sentence, nothing that a record or a secret could stand in."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from tajo_pipelines.model.errors import RetryableError, TajoError
from tajo_pipelines.sync.log_masking import masked

FRAMES = 12
"""Innermost frames of an unforeseen error that are kept."""


@contextmanager
def clear_failures() -> Iterator[None]:
    """Whatever goes wrong in the block as a Dagster failure.

    Our own errors become their sentence; they are no retry's business unless the same call may succeed later. Of any
    other error its kind and the places in the code are shown: its text could hold anything.
    """
    try:
        yield
    except dg.Failure:
        raise
    except TajoError as error:
        raise dg.Failure(masked(str(error)), allow_retries=isinstance(error, RetryableError)) from None
    except Exception as error:  # noqa: BLE001  the last place before the event log, which keeps every text
        raise _unforeseen(error) from None


def _unforeseen(error: Exception) -> dg.Failure:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = "\n".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
    return dg.Failure(
        f"an unforeseen {type(error).__name__}: please report the places below",
        metadata={"places": dg.MetadataValue.text(places)},
        allow_retries=False,
    )
