"""Microsoft's own Graph SDK for Python, against the stand-in.

Nothing is replaced in it but the base address: sign-in is its usual credential, requests go through its usual middleware.
"""

import datetime
import unittest
import uuid

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential, ClientSecretCredential
from kiota_authentication_azure.azure_identity_authentication_provider import (
    AzureIdentityAuthenticationProvider,
)
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.drives.item.items.item.delta.delta_get_response import DeltaGetResponse
from msgraph.generated.models.drive_item import DriveItem
from msgraph.generated.models.folder import Folder
from msgraph.generated.models.message import Message
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.subscription import Subscription
from msgraph_core.requests.batch_request_builder import BatchRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem
from msgraph_core.tasks.page_iterator import PageIterator

from stand_in import LOOPBACK, Receiver, StandIn

SCOPES = ["https://graph.microsoft.com/.default"]


def setUpModule():
    global stand_in, receiver
    stand_in = StandIn("--seed", "7")
    unittest.addModuleCleanup(stand_in.close)
    receiver = Receiver()
    unittest.addModuleCleanup(receiver.close)


def secret(value=None):
    tenant = stand_in.tenant
    return ClientSecretCredential(
        tenant["tenant_id"],
        tenant["client_id"],
        value or tenant["client_secret"],
        authority=stand_in.url,
        disable_instance_discovery=True,
    )


def client(credential=None):
    provider = AzureIdentityAuthenticationProvider(
        credential or secret(), scopes=SCOPES, allowed_hosts=[LOOPBACK]
    )
    adapter = GraphRequestAdapter(provider)
    adapter.base_url = f"{stand_in.url}/v1.0"
    return GraphServiceClient(request_adapter=adapter)


def in_hours(hours):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    return now + datetime.timedelta(hours=hours)


async def walk(adapter, builder, first):
    """All items from a first page on, and the link of the last: with the page iterator for the items, and once more by hand,
    since the iterator keeps no delta link."""
    iterated = []
    await PageIterator(first, adapter).iterate(lambda item: iterated.append(item.id) or True)
    by_hand, page, pages = [], first, 1
    by_hand += [item.id for item in page.value]
    while page.odata_next_link:
        page = await builder.with_url(page.odata_next_link).get()
        by_hand += [item.id for item in page.value]
        pages += 1
    assert iterated == by_hand, (iterated, by_hand)
    return iterated, pages, page.odata_delta_link


class SigningIn(unittest.IsolatedAsyncioTestCase):
    async def test_a_secret_lets_the_client_in(self):
        drive = await client().users.by_user_id(stand_in.tenant["user"]).drive.get()
        self.assertEqual(drive.drive_type, "business")

    async def test_a_certificate_lets_the_client_in(self):
        stand_in.control("POST", "certificates", stand_in.app_certificate.public)
        tenant = stand_in.tenant
        credential = CertificateCredential(
            tenant["tenant_id"],
            tenant["client_id"],
            str(stand_in.app_certificate.both_file),
            authority=stand_in.url,
            disable_instance_discovery=True,
        )
        drive = await client(credential).users.by_user_id(tenant["user"]).drive.get()
        self.assertEqual(drive.drive_type, "business")

    async def test_a_wrong_secret_is_told_with_its_number(self):
        with self.assertRaises(ClientAuthenticationError) as refused:
            secret("wrong").get_token(*SCOPES)
        self.assertIn("AADSTS7000215", refused.exception.message)


class Subscriptions(unittest.IsolatedAsyncioTestCase):
    async def test_one_is_made_read_listed_renewed_and_deleted(self):
        graph = client()
        drive = await graph.users.by_user_id(stand_in.tenant["user"]).drive.get()
        wish = Subscription(
            change_type="updated",
            notification_url=receiver.url,
            lifecycle_notification_url=receiver.url,
            resource=f"drives/{drive.id}/root",
            expiration_date_time=in_hours(2),
            client_state="k-4711",
        )
        before = len(receiver.handshakes)
        made = await graph.subscriptions.post(wish)
        self.assertEqual(made.client_state, "k-4711")
        self.assertEqual(made.resource, wish.resource)
        self.assertEqual(made.expiration_date_time, wish.expiration_date_time)
        self.assertEqual(made.application_id, stand_in.tenant["client_id"])
        self.assertEqual(len(receiver.handshakes) - before, 2)

        one = graph.subscriptions.by_subscription_id(made.id)
        self.assertIsNone((await one.get()).client_state)
        listed = await graph.subscriptions.get()
        self.assertEqual([each.id for each in listed.value], [made.id])

        longer = in_hours(5)
        renewed = await one.patch(Subscription(expiration_date_time=longer))
        self.assertEqual(renewed.expiration_date_time, longer)

        body = DriveItem(name=f"folder-{uuid.uuid4()}", folder=Folder())
        await graph.drives.by_drive_id(drive.id).items.by_drive_item_id("root").children.post(body)
        told = receiver.wait_for(lambda notification: notification["subscriptionId"] == made.id)
        self.assertEqual((told["clientState"], told["changeType"]), ("k-4711", "updated"))

        await one.reauthorize.post()
        await one.delete()
        with self.assertRaises(ODataError) as gone:
            await one.get()
        self.assertEqual(gone.exception.response_status_code, 404)
        self.assertEqual(gone.exception.error.code, "ResourceNotFound")

    async def test_refusals_are_decoded_with_code_and_message(self):
        graph = client()
        wish = Subscription(
            change_type="updated",
            notification_url=receiver.url,
            resource=f"users/{stand_in.tenant['user']}/mailFolders('inbox')/messages",
            expiration_date_time=in_hours(24 * 30),
        )
        with self.assertRaises(ODataError) as refused:
            await graph.subscriptions.post(wish)
        error = refused.exception.error
        self.assertEqual(refused.exception.response_status_code, 400)
        self.assertEqual(error.code, "ValidationError")
        self.assertEqual(error.message, "Subscription expiration can only be 10070 minutes in the future.")
        self.assertTrue(uuid.UUID(error.inner_error.request_id))

        wish.expiration_date_time = in_hours(1)
        made = await graph.subscriptions.post(wish)
        with self.assertRaises(ODataError) as conflict:
            await graph.subscriptions.post(wish)
        self.assertEqual(conflict.exception.response_status_code, 409)
        self.assertIn(made.id, conflict.exception.error.message)
        await graph.subscriptions.by_subscription_id(made.id).delete()


class Batches(unittest.IsolatedAsyncioTestCase):
    async def test_each_part_has_an_answer_of_its_own(self):
        graph = client()
        parts = BatchRequestContent()
        for name, user in [("known", stand_in.tenant["user"]), ("unknown", "nobody@contoso.com")]:
            information = graph.users.by_user_id(user).to_get_request_information()
            information.url = f"/users/{user}"
            parts.add_request(name, BatchRequestItem(information, name))
        answers = await BatchRequestBuilder(graph.request_adapter).post(parts)
        # By status alone: what a part says this version of the SDK cannot read where it is an object, as Graph's are.
        self.assertEqual(answers.get_response_status_codes(), {"known": 200, "unknown": 404})


class Throttling(unittest.IsolatedAsyncioTestCase):
    async def test_the_client_waits_as_it_was_told_and_tries_again(self):
        stand_in.control("DELETE", "requests")
        fault = {"status": 429, "retry_after": 1, "method": "GET", "path_prefix": "/v1.0/sites"}
        stand_in.control("POST", "faults", fault)
        site = await client().sites.by_site_id("contoso.sharepoint.com:/sites/hr").get()
        self.assertEqual(site.web_url, "https://contoso.sharepoint.com/sites/hr")
        seen = [one for one in stand_in.control("GET", "requests")["requests"] if "/sites" in one["url"]]
        self.assertEqual([one["status"] for one in seen], [429, 200])
        self.assertGreaterEqual(seen[1]["arrived_micros"] - seen[0]["arrived_micros"], 1_000_000)


class Delta(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        stand_in.control("POST", "pages", {"page_size": 3})
        self.addCleanup(stand_in.control, "POST", "pages", {"page_size": 200})

    async def test_a_drive_is_walked_and_then_tells_what_changed(self):
        graph = client()
        drive = await graph.users.by_user_id(stand_in.tenant["user"]).drive.get()
        items = graph.drives.by_drive_id(drive.id).items
        delta = items.by_drive_item_id("root").delta
        seen, pages, link = await walk(graph.request_adapter, delta, await delta.get())
        self.assertGreater(pages, 1)
        self.assertEqual(await self.changes(graph, delta, link), [])

        name = f"über {uuid.uuid4()}.txt"
        made = await items.by_drive_item_id(f"root:/{name}:").content.put(b"hello")
        self.assertEqual((made.name, made.size), (name, 5))
        page = await delta.with_url(link).get()
        self.assertIn(name, [item.name for item in page.value])
        self.assertEqual(await items.by_drive_item_id(made.id).content.get(), b"hello")

        await items.by_drive_item_id(made.id).patch(DriveItem(name=f"renamed {name}"))
        page = await delta.with_url(page.odata_delta_link).get()
        self.assertEqual([one.name for one in page.value if one.id == made.id], [f"renamed {name}"])

        await items.by_drive_item_id(made.id).delete()
        page = await delta.with_url(page.odata_delta_link).get()
        gone = [one for one in page.value if one.id == made.id]
        self.assertEqual([one.deleted.state for one in gone], ["deleted"])

    async def test_a_list_is_walked(self):
        graph = client()
        site = await graph.sites.by_site_id("contoso.sharepoint.com:/sites/hr").get()
        lists = graph.sites.by_site_id(site.id).lists
        candidates = next(one for one in (await lists.get()).value if one.display_name == "Candidates")
        delta = lists.by_list_id(candidates.id).items.delta
        seen, pages, link = await walk(graph.request_adapter, delta, await delta.get())
        self.assertGreater(pages, 1)
        truth = stand_in.control("GET", "state")["resources"][stand_in.tenant["resources"]["list"]]
        self.assertEqual(set(seen), {item["id"] for item in truth})
        self.assertEqual(await self.changes(graph, delta, link), [])

    async def test_a_mail_folder_is_walked(self):
        graph = client()
        inbox = graph.users.by_user_id(stand_in.tenant["user"]).mail_folders.by_mail_folder_id("inbox")
        delta = inbox.messages.delta
        _, _, link = await walk(graph.request_adapter, delta, await delta.get())
        made = await inbox.messages.post(Message(subject="Hello"))
        page = await delta.with_url(link).get()
        self.assertEqual([one.subject for one in page.value if one.id == made.id], ["Hello"])

    async def test_a_dead_link_is_told_with_where_to_begin_again(self):
        graph = client()
        drive = await graph.users.by_user_id(stand_in.tenant["user"]).drive.get()
        delta = graph.drives.by_drive_id(drive.id).items.by_drive_item_id("root").delta
        _, _, link = await walk(graph.request_adapter, delta, await delta.get())
        stand_in.control("POST", "tokens/expire", {})
        with self.assertRaises(ODataError) as dead:
            await delta.with_url(link).get()
        self.assertEqual(dead.exception.response_status_code, 410)
        self.assertEqual(dead.exception.error.code, "resyncRequired")
        again = dead.exception.response_headers["location"]
        page = await delta.with_url(again).get()
        self.assertIsInstance(page, DeltaGetResponse)
        self.assertGreater(len(page.value), 0)

    async def changes(self, graph, delta, link):
        # The root of a drive may come along.
        page = await delta.with_url(link).get()
        return [one.id for one in page.value if getattr(one, "root", None) is None]


if __name__ == "__main__":
    unittest.main()
