"""A well-known client of SharePoint's REST service, against the stand-in.

Its own sign-in asks Microsoft's host whether an authority is known, which cannot be turned off. So it gets its tokens from the
credential that Microsoft's libraries share; a certificate, since SharePoint refuses what was gained with a secret.
"""

import datetime
import unittest

from azure.identity import CertificateCredential, ClientSecretCredential
from office365.runtime.auth.token_response import TokenResponse
from office365.runtime.client_request_exception import ClientRequestException
from office365.sharepoint.changes.query import ChangeQuery
from office365.sharepoint.changes.token import ChangeToken
from office365.sharepoint.changes.type import ChangeType
from office365.sharepoint.client_context import ClientContext

from stand_in import LIMIT, Receiver, StandIn

SCOPE = "https://contoso.sharepoint.com/.default"


def setUpModule():
    global stand_in, receiver
    stand_in = StandIn("--seed", "8")
    unittest.addModuleCleanup(stand_in.close)
    receiver = Receiver()
    unittest.addModuleCleanup(receiver.close)
    stand_in.control("POST", "certificates", stand_in.app_certificate.public)
    # Listing the webhooks of a list takes everything.
    stand_in.control("POST", "roles", {"sharepoint": ["Sites.FullControl.All"]})


def certificate():
    tenant = stand_in.tenant
    return CertificateCredential(
        tenant["tenant_id"],
        tenant["client_id"],
        str(stand_in.app_certificate.both_file),
        authority=stand_in.url,
        disable_instance_discovery=True,
    )


def site(credential=None, path="sites/hr"):
    credential = credential or certificate()

    def token():
        given = credential.get_token(SCOPE)
        return TokenResponse(access_token=given.token, token_type="Bearer")

    context = ClientContext(f"{stand_in.url}/{path}").with_access_token(token)
    return context.with_transport(timeout=LIMIT)


def candidates():
    return site().web.lists.get_by_title("Candidates")


def in_days(days):
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    return now + datetime.timedelta(days=days)


class Webhooks(unittest.TestCase):
    def test_one_is_made_listed_renewed_rung_and_deleted(self):
        followed = candidates()
        expires = in_days(30)
        made = followed.subscriptions.add(receiver.url, expires).execute_query()
        self.assertTrue(made.id)
        self.assertEqual(made.notification_url, receiver.url)
        self.assertIn("validationtoken=", receiver.handshakes[-1])

        listed = followed.subscriptions.get().execute_query()
        self.assertEqual([one.id for one in listed], [made.id])
        before = followed.subscriptions.get_by_id(made.id).get().execute_query()

        renewing = followed.subscriptions.get_by_id(made.id)
        wanted = in_days(170)
        renewing.expiration_datetime = wanted
        renewing.update().execute_query()
        after = followed.subscriptions.get_by_id(made.id).get().execute_query()
        told = "%Y-%m-%dT%H:%M:%S.0000000Z"
        self.assertEqual(before.properties["expirationDateTime"], expires.strftime(told))
        self.assertEqual(after.properties["expirationDateTime"], wanted.strftime(told))

        followed.add_item({"Title": "Ada"}).execute_query()
        told = receiver.wait_for(lambda notification: notification["subscriptionId"] == made.id)
        followed.get().execute_query()
        self.assertEqual(told["resource"], str(followed.properties["Id"]))
        self.assertEqual(told["siteUrl"], "/sites/hr")

        followed.subscriptions.get_by_id(made.id).delete_object().execute_query()
        with self.assertRaises(ClientRequestException) as gone:
            followed.subscriptions.get_by_id(made.id).get().execute_query()
        self.assertEqual(gone.exception.response.status_code, 404)

    def test_one_that_would_live_too_long_is_refused(self):
        with self.assertRaises(ClientRequestException) as refused:
            candidates().subscriptions.add(receiver.url, in_days(181)).execute_query()
        self.assertEqual(refused.exception.response.status_code, 400)
        self.assertIn("System.ArgumentException", str(refused.exception.code))


class Changes(unittest.TestCase):
    def test_what_is_done_to_items_is_in_the_change_log(self):
        followed = candidates()
        item = followed.add_item({"Title": "Grace"}).execute_query()
        start = followed.select(["CurrentChangeToken"]).get().execute_query().properties["CurrentChangeToken"]
        self.assertEqual(self.read(followed, start), [])
        item.set_property("Title", "Grace Hopper").update().execute_query()
        item.delete_object().execute_query()
        rows = self.read(followed, start)
        self.assertEqual([row.change_type for row in rows], [ChangeType.Update, ChangeType.DeleteObject])
        self.assertEqual({row.properties["ItemId"] for row in rows}, {item.id})
        rest = self.read(followed, rows[0].change_token)
        self.assertEqual([row.change_type for row in rest], [ChangeType.DeleteObject])

    def test_a_change_token_that_leads_nowhere_is_refused_with_its_number(self):
        followed = candidates()
        start = followed.select(["CurrentChangeToken"]).get().execute_query().properties["CurrentChangeToken"]
        stand_in.control("POST", "tokens/expire", {})
        with self.assertRaises(ClientRequestException) as refused:
            self.read(followed, start)
        self.assertIn("-2130575172", str(refused.exception.code))

    def read(self, followed, start):
        query = ChangeQuery(Item=True, RecursiveAll=True, FetchLimit="100", ChangeTokenStart=start)
        return list(followed.get_changes(query).execute_query())


class Items(unittest.TestCase):
    def test_items_are_made_found_and_recycled(self):
        followed = candidates()
        made = followed.add_item({"Title": "Edsger"}).execute_query()
        found = followed.get_item_by_id(made.id).get().execute_query()
        self.assertEqual(found.properties["Title"], "Edsger")
        self.assertIn(made.id, [item.id for item in followed.items.get().execute_query()])
        found.recycle().execute_query()
        with self.assertRaises(ClientRequestException) as gone:
            followed.get_item_by_id(made.id).get().execute_query()
        self.assertEqual(gone.exception.response.status_code, 404)


class Batches(unittest.TestCase):
    def test_reads_come_in_one_request(self):
        context = site()
        titles = ["Candidates", "Documents"]
        wanted = [context.web.lists.get_by_title(title).get() for title in titles]
        stand_in.control("DELETE", "requests")
        context.execute_batch()
        self.assertEqual([one.properties["Title"] for one in wanted], titles)
        asked = [one["url"] for one in stand_in.control("GET", "requests")["requests"]]
        self.assertEqual([url for url in asked if "/_api/web" in url or "/_api/$batch" in url], ["/sites/hr/_api/$batch"])


class SigningIn(unittest.TestCase):
    def test_what_was_gained_with_a_secret_is_not_taken(self):
        tenant = stand_in.tenant
        credential = ClientSecretCredential(
            tenant["tenant_id"],
            tenant["client_id"],
            tenant["client_secret"],
            authority=stand_in.url,
            disable_instance_discovery=True,
        )
        with self.assertRaises(ClientRequestException) as refused:
            site(credential).web.get().execute_query()
        self.assertEqual(refused.exception.response.status_code, 401)


if __name__ == "__main__":
    unittest.main()
