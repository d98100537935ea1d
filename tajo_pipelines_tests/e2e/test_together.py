from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

from tajo_pipelines.sync.reading import ReadMode
from tajo_pipelines.sync.reports import ALREADY_RUNNING, DONE
from tajo_pipelines_tests.e2e.conftest import Build
from tajo_pipelines_tests.e2e.expectations import assert_consent_holds, expected
from tajo_pipelines_tests.e2e.killed import start
from tajo_pipelines_tests.e2e.project import Project, Ran, run_engine

SECOND_SHOP = """
  shopify-fr:
    enabled: true
    connector: shopify
    shop_url: "tajo-demo.myshopify.com"
    base_url: "{url}"
    api_key: twin-client-id
    api_secret: twin-client-secret
    region: FR
    sync: {{customers: true, orders: true}}
    field_mapping: {{email: email, first_name: FIRSTNAME, last_name: LASTNAME, phone: SMS, total_spent: TOTAL_SPENT}}
"""


def at_once(project: Project, connections: tuple[str, ...]) -> list[Ran]:
    """One run a connection, begun together."""
    ready = Barrier(len(connections))

    def run(connection: str) -> Ran:
        with project.workspace() as workspace:
            ready.wait()
            return run_engine(workspace, ReadMode.FULL, connection=connection)

    with ThreadPoolExecutor(len(connections)) as pool:
        futures: list[Future[Ran]] = [pool.submit(run, connection) for connection in connections]
        return [future.result(60) for future in futures]


def test_of_two_runs_of_one_connection_the_second_says_that_it_is_running(build: Build) -> None:
    project = build(customers=30)
    project.twin.faults({"target": "shopify", "path": "graphql", "action": "slow", "seconds": 0.4})
    ran = at_once(project, ("shopify", "shopify"))
    project.settle()
    assert [each.error for each in ran] == [None, None]
    statuses = sorted(each.streams["customers"].status for each in ran)
    assert statuses == [ALREADY_RUNNING, DONE]
    [second] = [each for each in ran if each.streams["customers"].status == ALREADY_RUNNING]
    assert second.streams["customers"].details["error"]["code"] == ALREADY_RUNNING
    assert second.streams["customers"].details["error"]["exit_code"] == 0
    assert set(project.orders()) == set(expected(project).amounts)


def test_a_run_in_another_process_is_seen_too(build: Build) -> None:
    project = build(customers=30)
    project.twin.faults({"target": "shopify", "path": "graphql", "action": "slow", "seconds": 0.8, "times": 1})
    process = start(project)
    while not project.twin.state()["faults"][0]["hits"]:
        assert process.is_alive()
    second = project.try_sync("full", streams=["customers"])
    assert second.streams["customers"].status == ALREADY_RUNNING
    process.join(30)
    assert process.exitcode == 0
    assert project.sync("full").writes == 0


def test_two_connections_of_one_account_finish_right_at_once(build: Build) -> None:
    project = build(customers=40)
    left = [email for email, contact in project.contacts().items() if contact["emailBlacklisted"]]
    project.configure(connection=SECOND_SHOP.format(url=project.twin.shopify_url))
    ran = at_once(project, ("shopify", "shopify-fr"))
    project.settle()
    assert [each.error for each in ran] == [None, None]
    wanted, held = expected(project), project.contacts()
    assert {email for email in held if not email.endswith("@mailin-sms.com")} == wanted.emails
    assert {number: Decimal(str(each["amount"])) for number, each in project.orders().items()} == wanted.amounts
    assert_consent_holds(project, left)
    sources = held[sorted(wanted.granted)[0]]["attributes"]["TAJO_SOURCES"].split()
    assert {word.partition(":")[0] for word in sources} == {"shopify", "shopify-fr"}
    again = at_once(project, ("shopify", "shopify-fr"))
    assert [each.customers.sent for each in again] == [0, 0]
