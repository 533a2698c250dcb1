// A stand-in tenant and a listener, as real processes in a folder of their own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const BINARY = process.env.O365_LISTENER;
const PATIENCE = 60_000; // milliseconds

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

// Waits until `what` answers with something true; that.
export async function eventually(name, what) {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    const answer = await what().catch(() => undefined);
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`it never came to pass: ${name}`);
}

export async function json(url, body) {
  const how = body && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(url, how);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : {};
}

export class World {
  static async start() {
    const world = new World();
    world.folder = await mkdtemp(join(tmpdir(), "o365-listener-"));
    world.simulator = spawn(BINARY, ["simulate", "--listen", "127.0.0.1:0", "--json"], {
      cwd: world.folder, stdio: ["ignore", "pipe", "ignore"],
    });
    const [line] = await once(createInterface(world.simulator.stdout), "line");
    world.tenant = JSON.parse(line);
    [world.notifications, world.admin] = [await freePort(), await freePort()];
    return world;
  }

  // Starts the listener with what follows the tenant in its configuration.
  async serve(entries) {
    const { url, tenant_id, client_id, client_secret, resources } = this.tenant;
    const subscriptions = Object.entries(resources).map(
      ([name, resource]) => `[[subscription]]\nname = "${name}"\ntenant = "contoso"\nresource = "${resource}"\n`,
    );
    await writeFile(join(this.folder, "config.toml"), `
public_url = "http://127.0.0.1:${this.notifications}"
[listen]
notifications = "127.0.0.1:${this.notifications}"
admin = "127.0.0.1:${this.admin}"
[[tenant]]
name = "contoso"
tenant_id = "${tenant_id}"
client_id = "${client_id}"
client_secret = "${client_secret}"
login_url = "${url}"
graph_url = "${url}"
${subscriptions.join("")}${entries}`);
    this.listener = spawn(BINARY, ["serve"], { cwd: this.folder, stdio: "ignore" });
    await eventually("the listener is ready", async () => (await fetch(`${this.api}/readyz`)).ok);
  }

  get api() {
    return `http://127.0.0.1:${this.admin}`;
  }

  async stopListener() {
    if (this.listener?.exitCode === null) {
      this.listener.kill("SIGTERM");
      await once(this.listener, "exit");
    }
  }

  async end() {
    await this.stopListener();
    this.simulator.kill("SIGKILL");
    await rm(this.folder, { recursive: true, force: true });
  }
}
