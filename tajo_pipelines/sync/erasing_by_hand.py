"""Erases a person whom somebody names on the command line, from one account after the other."""

from __future__ import annotations

import uuid

from tajo_pipelines.model.erasure import Receipt
from tajo_pipelines.model.errors import Notice
from tajo_pipelines.model.traces import Traces
from tajo_pipelines.settings.objects import Account
from tajo_pipelines.sync.account import open_account
from tajo_pipelines.sync.delivery import alone
from tajo_pipelines.sync.erasure import Eraser
from tajo_pipelines.sync.privacy import sweep_files
from tajo_pipelines.sync.workspace import Workspace


def erase_by_hand(workspace: Workspace, account: Account, asked: Traces) -> tuple[Receipt, list[Notice]]:
    """Erase a person from one account; a run that writes to it is waited for.

    Args:
        workspace: Settings and store.
        account: The account.
        asked: By what the person is named.

    Returns:
        The receipt, and what couldn't be done now.

    Raises:
        ConfigError: TAJO_SECRET_KEY isn't set, or the account can't be used.
        TajoError: Brevo can't be reached or used; the same command goes on from there.
    """
    run_id = f"erase-{uuid.uuid4()}"
    with open_account(workspace, account, run_id) as opened, alone(workspace, opened, run_id):
        receipt = Eraser(workspace, opened).erase(asked)
        notices = sweep_files(workspace)
    return workspace.store.receipts.get(receipt.id) or receipt, notices
