"""The two IO managers: one lands what was read, one hands it to Brevo."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from tajo_pipelines.model.errors import TajoError
from tajo_pipelines.orchestration.metadata import delivered_metadata, landed_metadata
from tajo_pipelines.orchestration.resources import WorkspaceResource
from tajo_pipelines.store.leases import LeaseTaken
from tajo_pipelines.sync.delivery import DeliveryRequest, deliver
from tajo_pipelines.sync.landing import Landed, land
from tajo_pipelines.sync.outcome import Delivered
from tajo_pipelines.sync.reading import Reading
from tajo_pipelines.sync.reports import RunLog


@contextmanager
def clear_failures() -> Iterator[None]:
    """Our own errors as Dagster failures: one sentence, no stack, no retry of what can't be mended by repeating."""
    try:
        yield
    except TajoError as error:
        description = str(error)
        raise dg.Failure(description=description, allow_retries=error.code == "unavailable") from None


class LandingIOManager(dg.ConfigurableIOManager):
    """Writes a `Reading` to the landing, batch by batch, each committed with its watermark.

    Not a UPathIOManager: that refuses the output of a range of partitions, and a range is one run here.
    """

    workspace: dg.ResourceDependency[WorkspaceResource]

    def handle_output(self, context: dg.OutputContext, obj: Reading | None) -> None:
        """Land what is read; None lands nothing."""
        if obj is None:
            return
        workspace = self.workspace.get()
        with clear_failures():
            log = RunLog(workspace, obj.request.run_id, obj.request.connection, obj.request.stream)
            try:
                with log.landing() as landed:
                    land(workspace, obj, landed)
            except LeaseTaken as taken:
                context.log.info("%s", taken)
                landed = Landed(already_running=True)
        context.add_output_metadata(landed_metadata(landed))

    def load_input(self, context: dg.InputContext) -> None:
        """Nothing: delivery finds the batches in the store, whatever their day."""
        del context


class BrevoIOManager(dg.ConfigurableIOManager):
    """Hands what a `DeliveryRequest` names to Brevo, through the one engine that every path uses."""

    workspace: dg.ResourceDependency[WorkspaceResource]

    def handle_output(self, context: dg.OutputContext, obj: DeliveryRequest | None) -> None:
        """Deliver; None delivers nothing."""
        if obj is None:
            return
        workspace = self.workspace.get()
        with clear_failures():
            log = RunLog(workspace, obj.run_id, obj.connection, obj.stream)
            delivered = Delivered()
            with log.delivery(delivered):
                deliver(workspace, obj, delivered)
        for notice in delivered.notices:
            context.log.warning("%s: %s", notice.code, notice.message)
        context.add_output_metadata(delivered_metadata(delivered, workspace, obj))

    def load_input(self, context: dg.InputContext) -> Any:
        """Refuse: what Brevo holds is read by its own API.

        Raises:
            Failure: Always.
        """
        raise dg.Failure(description=f"{context.asset_key.to_user_string()} can't be loaded: Brevo holds it")
