// The real server over made-up figures (PageFixture.java), and Chromium to look at it.
import { chromium } from "playwright-core";
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Why the tests cannot run here, or false; an error where they must run. */
export function missing() {
  let reason = false;
  if (!existsSync(CHROMIUM)) reason = `no Chromium at ${CHROMIUM} (install it, or name it in CHROMIUM)`;
  else if (!existsSync(`${ROOT}/target/test-classes/io/fisherwatch/web/PageFixture.class`)) reason = "not built: mvn -q -DskipTests package";
  else try { execFileSync("java", ["-version"], { stdio: "ignore" }); } catch { reason = "no java on the PATH"; }
  if (reason && process.env.FISHERWATCH_CI === "1") throw new Error(reason);
  return reason;
}

export class Server {
  static async start() {
    const server = new Server();
    const path = ["test-classes", "classes", "lib/*"].map((p) => `${ROOT}/target/${p}`).join(":");
    server.process = spawn("java", ["-cp", path, "io.fisherwatch.web.PageFixture"], { stdio: ["pipe", "pipe", "inherit"] });
    server.lines = createInterface({ input: server.process.stdout })[Symbol.asyncIterator]();
    server.origin = `http://127.0.0.1:${(await server.lines.next()).value}`;
    return server;
  }

  async tell(...command) {
    this.process.stdin.write(`${command.join("\t")}\n`);
    const answer = await this.lines.next();
    if (answer.value !== "done") throw new Error(`the fixture failed at: ${command.join(" ")}`);
  }

  publish(run, { layers = 6, count = 1, age = 0 } = {}) { return this.tell("publish", run, layers, count, age); }

  stop() { this.process.stdin.end(); }
}

export const launch = () => chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });

/** A page in a fresh profile, with what it complained of and asked for. */
export async function open(browser, url, { width = 1280, height = 900, colorScheme = "light" } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  page.problems = [];
  page.requests = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) page.problems.push(message.text()); });
  page.on("pageerror", (error) => page.problems.push(error.stack));
  page.on("request", (request) => page.requests.push(request.url()));
  page.setDefaultTimeout(15_000);
  await page.goto(url, { waitUntil: "domcontentloaded" });
  return page;
}
