// What a receiver written in JavaScript does: it verifies what it got, and reads the events.
//
//     node verify.cjs FOLDER < REQUESTS
//
// FOLDER has the packages. REQUESTS is {"secret", "requests": [{"headers", "body"}]}; the answer is {"events", "refused"}:
// all events, and how many of the requests were refused once a byte of them was changed.
"use strict";

const fs = require("node:fs");
const { createRequire } = require("node:module");

const load = createRequire(`${process.argv[2]}/`);
const { Webhook } = load("standardwebhooks");
const { HTTP } = load("cloudevents");

const { secret, requests } = JSON.parse(fs.readFileSync(0, "utf8"));
const webhook = new Webhook(secret);

function isRefused(body, headers) {
  try {
    webhook.verify(body, headers);
    return false;
  } catch (error) {
    return error.name === "WebhookVerificationError" || error.constructor.name === "WebhookVerificationError";
  }
}

const events = requests.flatMap(({ headers, body }) => {
  webhook.verify(body, headers);
  return HTTP.toEvent({ headers, body });
});
const refused = requests.filter(({ headers, body }) => isRefused(`${body} `, headers)).length;
process.stdout.write(JSON.stringify({ events, refused }));
