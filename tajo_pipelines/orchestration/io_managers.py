"""The two IO managers: one lands what was read, one hands it to Brevo."""

import dagster as dg
from pydantic import PrivateAttr

from tajo_pipelines.orchestration.failures import clear_failures
from tajo_pipelines.orchestration.metadata import delivered_metadata, landed_metadata
from tajo_pipelines.orchestration.resources import OpenWorkspace
from tajo_pipelines.store.leases import LeaseTaken
from tajo_pipelines.sync.delivery import deliver
from tajo_pipelines.sync.landing import Landed, land
from tajo_pipelines.sync.log_masking import masked
from tajo_pipelines.sync.outcome import Delivered
from tajo_pipelines.sync.reading import Reading, ReadMode
from tajo_pipelines.sync.reports import RunLog
from tajo_pipelines.sync.request import DeliveryRequest


class _ProjectIOManager(dg.ConfigurableIOManager):
    """What both have: the project's workspace, each its own (a nested resource makes Dagster 1.13 warn of itself).

    Attributes:
        project: The folder of workspace.yaml.
    """

    project: str

    _open: OpenWorkspace = PrivateAttr(default_factory=OpenWorkspace)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the store."""
        del context
        self._open.close()


class LandingIOManager(_ProjectIOManager):
    """Writes a `Reading` to the landing, batch by batch, each committed with its watermark.

    Not a UPathIOManager: that refuses the output of a range of partitions, and a range is one run here.
    """

    def handle_output(self, context: dg.OutputContext, obj: Reading | None) -> None:
        """Land what is read; None lands nothing."""
        if obj is None:
            return
        with clear_failures():
            workspace = self._open.of(self.project)
            log = RunLog(workspace, obj.request.run_id, obj.request.connection, obj.request.stream)
            try:
                with log.landing() as landed:
                    land(workspace, obj, landed)
            except LeaseTaken as taken:
                # What goes on from the watermark goes on in the other run. Days that somebody asked for don't: they
                # mustn't look as if they had been read.
                if obj.request.mode is ReadMode.RANGE:
                    taken.hint = "nothing was read; launch it again once that is done"
                    raise
                context.log.info("%s", masked(str(taken)))
                landed = Landed(already_running=True)
            context.add_output_metadata(landed_metadata(landed, workspace, obj.request))

    def load_input(self, context: dg.InputContext) -> None:
        """Nothing: delivery finds the batches in the store, whatever their day."""
        del context


class BrevoIOManager(_ProjectIOManager):
    """Hands what a `DeliveryRequest` names to Brevo, through the one engine that every path uses."""

    def handle_output(self, context: dg.OutputContext, obj: DeliveryRequest | None) -> None:
        """Deliver; None delivers nothing."""
        if obj is None:
            return
        with clear_failures():
            workspace = self._open.of(self.project)
            log = RunLog(workspace, obj.run_id, obj.connection, obj.stream)
            delivered = Delivered()
            with log.delivery(delivered):
                deliver(workspace, obj, delivered)
            for notice in delivered.notices:
                context.log.warning("%s: %s", notice.code, masked(notice.message))
            context.add_output_metadata(delivered_metadata(delivered, workspace, obj))

    def load_input(self, context: dg.InputContext) -> None:
        """Refuse: what Brevo holds is read by its own API.

        Raises:
            Failure: Always.
        """
        raise dg.Failure(f"{context.asset_key.to_user_string()} can't be loaded: Brevo holds it")
