// The Connect button in a browser: from the link to the card, by keyboard, and the ways in which it does not come to that.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";

import { open } from "./chromium.mjs";
import { World, eventually, json } from "./listener.mjs";

const PICTURES = process.env.PICTURES ?? "pictures";
let world, browser, context, page, complaints;

before(async () => {
  await mkdir(PICTURES, { recursive: true });
  world = await World.start();
  await world.serve(`
[store]
encryption_key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
[connector]
app_id = "${world.tenant.app_id}"
connect_url = "${world.tenant.url}/connectors/Connect"
allowed_hosts = ["127.0.0.1"]
service_name = "Contoso changes"
`);
  const callback_url = `http://127.0.0.1:${world.notifications}/connector/callback`;
  await json(`${world.tenant.url}/_control/connect`, { callback_url });
  await eventually("all is followed", async () =>
    (await json(`${world.api}/v1/subscriptions`)).subscriptions.every((one) => one.state === "active" && one.last_fetch_at && !one.pending));
  browser = await open();
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
});

after(async () => {
  await browser?.close();
  await world?.end();
});

const invite = async () => (await json(`${world.api}/v1/connector/invites`, { subscriptions: "*" })).url;
const heading = () => page.locator("h1").innerText();
const cards = async () => (await json(`${world.tenant.url}/_control/cards`)).cards.filter((card) => card.shown);

// A picture for a wide window and for a narrow one; nothing of the page may lie outside of it.
async function picture(name) {
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 900 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `${name} is ${wide} wide at ${width}`);
    await page.screenshot({ path: `${PICTURES}/connect-${name}-${width}.png`, fullPage: true });
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}

// Presses keys until this has the focus, which has to be seen.
async function tabTo(selector) {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((selector) => document.activeElement?.matches(selector), selector)) return;
  }
  throw new Error(`no key leads to ${selector}`);
}

async function press(link) {
  await page.goto(link);
  await page.check("input[value=list]");
  await page.click("button");
}

test("whoever presses Deny is told so, and the link still works", async () => {
  const link = await invite();
  await press(link);
  assert.equal(await heading(), "Connect to Office 365");
  await page.click("button[value=deny]");
  assert.equal(await heading(), "Access was denied");
  await picture("denied");
  await page.goto(link);
  assert.equal(await heading(), "Let your group hear what changes");
});

test("by keyboard alone a group is connected, and hears of a change in the list", async () => {
  const link = await invite();
  await page.goto(link);
  await picture("landing");
  await tabTo("input[value=list]");
  await page.keyboard.press("Space");
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement.closest("label")).outlineWidth);
  assert.equal(outline, "3px", "the focus is not seen");
  await picture("landing-focus");
  await tabTo("button");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/connectors/Connect?**");
  assert.equal(await heading(), "Connect to Office 365");
  await picture("office365");
  let callback;
  page.on("request", (request) => {
    if (request.url().includes("/connector/callback?")) callback = request.url();
  });
  await tabTo("button[value=allow]");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/connector/done");
  assert.equal(await heading(), "Connected");
  await picture("connected");
  await eventually("the first card is there", async () => (await cards()).length === 1);
  await json(`${world.tenant.url}/_control/changes`, { count: 1, resource: world.tenant.resources.list });
  await eventually("a card tells of the change", async () => (await cards()).length === 2);
  await page.goto(`${world.tenant.url}/_control/cards/page`);
  const shown = await page.locator("body").innerText();
  assert.ok(shown.includes("Connected to Contoso changes") && shown.includes("Human Resources"), shown);
  await picture("cards");

  await page.goto(callback);
  assert.equal(await heading(), "This answer was taken before");
  assert.ok(!page.url().includes("webhook"), "the secret stays in the address bar");
  await picture("replayed");
  await page.goto(link);
  assert.equal(await heading(), "This invitation was used");
});

test("another browser's answer is not taken, and what was not picked is asked for", async () => {
  const link = await invite();
  await press(link);
  const other = await browser.newContext();
  const stranger = await other.newPage();
  const state = new URL(page.url()).searchParams.get("state");
  await stranger.goto(`http://127.0.0.1:${world.notifications}/connector/callback?state=${state}&webhook_url=x`);
  assert.equal(await stranger.locator("h1").innerText(), "This was begun in another browser");
  await other.close();
  await page.goto(link);
  await page.click("button");
  assert.ok((await page.locator("[role=alert]").innerText()).startsWith("Pick at least one"));
  await picture("nothing-picked");
});

test("the policy of the pages is never offended", () => {
  assert.deepEqual(complaints.filter((text) => /Content.Security.Policy|Refused/i.test(text)), []);
});
