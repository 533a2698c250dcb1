// Cards of real events: valid against the schema that Microsoft publishes, and read and drawn by Microsoft's own renderer.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { Ajv } from "ajv";

import { open } from "./chromium.mjs";
import { World, eventually, json } from "./listener.mjs";

const require = createRequire(import.meta.url);
const PICTURES = process.env.PICTURES ?? "pictures";
let world, browser, page;

// The schema is that of the first version, which allows what came later; the renderer, told of 1.4, does not allow what came after that.
const { adaptiveCardSchema: { id, ...schema } } = require("adaptivecards-designer/lib/adaptive-card-schema.js");
const ajv = new Ajv({ strict: false });
ajv.addMetaSchema(require("ajv/dist/refs/json-schema-draft-06.json"));
const isCard = ajv.compile({ ...schema, $id: id });

before(async () => {
  await mkdir(PICTURES, { recursive: true });
  world = await World.start();
  browser = await open();
  page = await browser.newPage({ viewport: { width: 500, height: 900 } });
  await page.addScriptTag({ path: require.resolve("adaptivecards/dist/adaptivecards.js") });
  await page.addScriptTag({ path: require.resolve("markdown-it/dist/markdown-it.js") });
});

after(async () => {
  await browser?.close();
  await world?.end();
});

// Draws a card that is valid; what the renderer complains of, and what there is to see.
const draw = (card) => {
  assert.ok(isCard(card), `${ajv.errorsText(isCard.errors)}: ${JSON.stringify(card)}`);
  return page.evaluate((card) => {
    const { AdaptiveCard, SerializationContext, HostConfig, Versions } = window.AdaptiveCards;
    AdaptiveCard.onProcessMarkdown = (text, result) => {
      result.outputHtml = window.markdownit().render(text);
      result.didProcess = true;
    };
    const drawn = new AdaptiveCard();
    drawn.hostConfig = new HostConfig({ fontFamily: "sans-serif" });
    const context = new SerializationContext(Versions.v1_4);
    drawn.parse(card, context);
    const complaints = Array.from({ length: context.eventCount }, (_, at) => context.getEventAt(at).message);
    complaints.push(...drawn.validateProperties().validationEvents.map((event) => event.message));
    document.body.replaceChildren(drawn.render());
    const links = [...document.querySelectorAll("a")].map((link) => link.href);
    const buttons = [...document.querySelectorAll("button")].map((button) => button.innerText);
    return { complaints, links, buttons, text: document.body.innerText };
  }, card);
};

const content = (message) => message.attachments[0].content;

test("every event of the log, and all of them together, is a card that the renderer takes", async () => {
  await world.serve("");
  const subscriptions = async () => (await json(`${world.api}/v1/subscriptions`)).subscriptions;
  await eventually("all is followed", async () =>
    (await subscriptions()).every((one) => one.state === "active" && one.last_fetch_at && !one.pending));
  // Several changes of an item become one event where they are found together.
  const read = async () => (await json(`${world.api}/v1/events?limit=1000`)).events;
  let events = [];
  for (let seed = 1; events.length < 500; seed += 1) {
    await json(`${world.tenant.url}/_control/changes`, { count: 200, seed });
    await eventually("the log has some", async () => (await read()).length > events.length);
    await eventually("all was fetched", async () => (await subscriptions()).every((one) => !one.pending));
    events = await read();
  }
  await world.stopListener();

  const sink = `[[sink]]\nname = "team"\ntype = "teams"\nurl = "${world.tenant.cards.teams}"\nallow_private = true\nstart = "beginning"\n`;
  await world.serve(sink);
  const [burst] = await eventually("a card is shown", async () => {
    const { cards } = await json(`${world.tenant.url}/_control/cards`);
    return cards.length && cards;
  });
  assert.ok(burst.shown && burst.bytes <= 20_000, JSON.stringify(burst));
  const drawn = await draw(content(burst.body));
  assert.deepEqual(drawn.complaints, []);
  events = await read();
  assert.ok(drawn.text.includes(`${events.length} changes in 3 subscriptions`), drawn.text);
  await page.screenshot({ path: `${PICTURES}/burst.png` });

  const types = new Set();
  for (const event of events) {
    if (types.has(event.type) && types.size + 40 < Number(event.sequence)) continue;
    const { text } = await json(`${world.api}/v1/sinks/team/preview`, { event: event.sequence });
    const card = content(JSON.parse(text.slice(text.indexOf("\n\n"))));
    const { complaints, links, buttons, text: seen } = await draw(card);
    assert.deepEqual(complaints, [], JSON.stringify(card));
    assert.match(seen, / was (created|changed|renamed|moved|deleted)/);
    assert.ok(!seen.includes("\\") && !seen.includes("{{"), seen);
    assert.deepEqual(links, []);
    const { webUrl, webLink } = event.data.resource;
    assert.deepEqual(buttons, webUrl || webLink ? ["Open"] : [], JSON.stringify(event));
    if (!types.has(event.type)) await page.screenshot({ path: `${PICTURES}/${event.type}.png` });
    types.add(event.type);
  }
  assert.equal(types.size, 9, [...types].join(" "));
});

// Makes an item of the list.
const make = async (fields) => {
  const { tenant } = world;
  const form = new URLSearchParams({
    grant_type: "client_credentials", client_id: tenant.client_id, client_secret: tenant.client_secret,
    scope: "https://graph.microsoft.com/.default",
  });
  const signed = await fetch(`${tenant.url}/${tenant.tenant_id}/oauth2/v2.0/token`, { method: "POST", body: form });
  const { access_token } = await signed.json();
  const items = `${tenant.url}/v1.0/sites/contoso.sharepoint.com:/sites/hr:/lists/Candidates/items`;
  const made = await fetch(items, {
    method: "POST", body: JSON.stringify({ fields }),
    headers: { "content-type": "application/json", authorization: `Bearer ${access_token}` },
  });
  assert.equal(made.status, 201);
};

// The card that tells of something, once it is shown.
const shownWith = (text) =>
  eventually("its card is shown", async () => {
    const { cards } = await json(`${world.tenant.url}/_control/cards`);
    return cards.find((card) => JSON.stringify(card.body).includes(text));
  });

test("what is far too long becomes a card all the same", async () => {
  await make({ Title: `Novel ${"so long ".repeat(4_000)}`, Notes: "x".repeat(40_000) });
  const card = await shownWith("Novel so long");
  assert.ok(card.shown && card.bytes <= 20_000, `${card.bytes} bytes`);
  const { complaints, text } = await draw(content(card.body));
  assert.deepEqual(complaints, []);
  assert.ok(text.includes("Novel so long"), text);
});

test("an item whose name is markup is drawn as that name", async () => {
  const hostile = "[x](http://evil.example) <b>1</b> **2** _3_ {{DATE(2026-01-01T00:00:00Z)}}";
  await make({ Title: hostile });
  const card = await shownWith("evil.example");
  const { complaints, links, text } = await draw(content(card.body));
  assert.deepEqual([complaints, links], [[], []]);
  assert.ok(text.includes(hostile), text);
  await page.screenshot({ path: `${PICTURES}/hostile.png` });
});
