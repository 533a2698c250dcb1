#!/usr/bin/env node
// Reads the log as the named consumer "example", prints a line for each event, and commits what it has printed.
// With --once it ends when there is nothing more to read. Needs Node.js 18 or later, and nothing else.

const url = (process.env.O365_LISTENER_SERVER ?? "http://127.0.0.1:8081") + "/v1/consumers/example";
const key = process.env.O365_LISTENER_API_KEY;
const once = process.argv.includes("--once");

async function call(path, body) {
  const headers = { "Content-Type": "application/json", ...(key && { Authorization: `Bearer ${key}` }) };
  const options = body ? { method: "POST", body: JSON.stringify(body), headers } : { headers };
  const answer = await fetch(url + path, { ...options, signal: AbortSignal.timeout(75_000) });
  return { status: answer.status, document: await answer.json() };
}

// Your work goes here. It may see an event twice: `id` is the same then.
function handle(event) {
  console.log(event.sequence, event.type, event.subscription, event.subject);
}

async function commit(cursor) {
  const { status, document } = await call("/commit", { cursor });
  if (status !== 200) throw new Error(document.detail);
}

async function read() {
  for (;;) {
    const { status, document } = await call(`/events?limit=100&wait=${once ? 0 : 30}`);
    if (status === 410) {
      // It was away for longer than events are kept: say so, and go on with the oldest that there is.
      console.error(document.detail);
      await commit(document.oldest);
      continue;
    }
    if (status !== 200) throw new Error(document.detail);
    document.events.forEach(handle);
    // Work first, and commit afterwards: what was interrupted is read again.
    if (document.events.length > 0) await commit(document.next);
    else if (once) return;
  }
}

for (;;) {
  try {
    await read();
    break;
  } catch (error) {
    console.error(`${url}: ${error.message}`);
    if (once) process.exit(1);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
  }
}
