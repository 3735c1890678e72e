// The live page as a reader meets it: in Chromium, served by the real server.
import assert from "node:assert/strict";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { lowContrasts } from "./contrast.mjs";
import { Server, launch, missing, open } from "./fixture.mjs";

const FILES = new URL("../../main/resources/io/fisherwatch/web/", import.meta.url);
const skip = missing();

test("uPlot is the published one, unchanged", () => {
  for (const [ours, theirs] of [["uplot.js", "uPlot.iife.min.js"], ["uplot.css", "uPlot.min.css"]]) {
    assert.ok(readFileSync(new URL(ours, FILES)).equals(readFileSync(new URL(`node_modules/uplot/dist/${theirs}`, import.meta.url))), ours);
  }
});

test("all files of the page together are under 300 kB", () => {
  const bytes = readdirSync(FILES).reduce((sum, file) => sum + statSync(new URL(file, FILES)).size, 0);
  assert.ok(bytes < 300_000, `${bytes} bytes`);
});

describe("the live page", { skip }, () => {
  let server;
  let browser;
  const opened = [];

  before(async () => {
    [server, browser] = await Promise.all([Server.start(), launch()]);
    await server.publish("alpha", { count: 60 });
    await server.publish("beta", { layers: 3, count: 5 });
  });
  after(async () => {
    await browser?.close();
    server?.stop();
  });

  async function look(path = "/", options = {}) {
    await Promise.all(opened.splice(0).map((page) => page.context().close()));
    const page = await open(browser, server.origin + path, options);
    opened.push(page);
    return page;
  }
  async function lookAtRun(run, options) {
    const page = await look(`/?run=${encodeURIComponent(run)}`, options);
    await page.locator("#layertable tbody tr").first().waitFor();
    await page.locator("#traces canvas").waitFor();
    return page;
  }
  const text = (page, id) => page.locator(`#${id}`).textContent();

  /** How many different colours a canvas shows: 1 is a blank one. */
  const colours = (page, selector) => page.locator(selector).first().evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  });

  test("opens without complaint, asks nobody else, and draws everything", async () => {
    const page = await lookAtRun("alpha");
    await page.waitForFunction(() => document.querySelector("#agenttable tbody td"));
    for (const chart of ["#traces canvas", "#gaps canvas", "#layerlines canvas", "#layermap canvas", "#densitymap canvas"]) {
      assert.ok(await colours(page, chart) >= 3, `${chart} is blank`);
    }
    assert.ok(await page.locator("#bars .bar").count() > 5);
    assert.match(await text(page, "agenttable"), /1,234.*6/);
    assert.match(await text(page, "agentfacts"), /17 events wait.*250 ms/);
    assert.match(await text(page, "trustfacts"), /micro-batch 4 costs the least/);
    assert.match(await text(page, "trusttable"), /below √2/);
    assert.deepEqual(page.requests.filter((url) => !url.startsWith(server.origin)), []);
    assert.deepEqual(page.problems, []);
  });

  test("may run and style nothing that is not a file of its own", async () => {
    const answer = await fetch(`${server.origin}/`);
    const policy = answer.headers.get("content-security-policy");
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|http|data:/);
  });

  test("shows names as they are, whatever they hold", async () => {
    const run = "<img src=x onerror=bite()>&amp;";
    await server.publish(run, { count: 3 });
    const page = await lookAtRun(run);
    await page.getByLabel("Layer", { exact: true }).selectOption("<img src=x onerror=bite()>");
    await page.waitForFunction(() => document.querySelector("[data-of=layer]").textContent.startsWith("<img"));
    assert.equal(await text(page, "runname"), run);
    assert.equal(await page.locator("img").count(), 0);
    assert.deepEqual(page.problems, []);
    await server.tell("forget", run);
  });

  test("shows what is undefined as –, never as 0", async () => {
    await server.tell("bare", "bare");
    const page = await lookAtRun("bare");
    const cells = await page.locator("#layertable tbody tr").first().locator("td").allTextContents();
    assert.deepEqual(cells.slice(1), ["1.5", "–", "100 %", "–", "–", "–", "–", "–", "100 %", "10"]);
    const tiles = await page.locator("#tiles dd:not(.note)").allTextContents();
    assert.deepEqual(tiles.slice(1, 6), ["–", "–", "–", "–", "–"]);
    assert.match(await text(page, "densityfacts"), /^–/);
    assert.deepEqual(page.problems, []);
    await server.tell("forget", "bare");
  });

  test("follows the stream", async () => {
    const page = await lookAtRun("alpha");
    const steps = () => page.locator("#traces .where").textContent();
    const before = await steps();
    await server.publish("alpha", { count: 1 });
    await page.waitForFunction((old) => document.querySelector("#traces .where").textContent !== old, before);
  });

  test("shows no agents where there is no group", async () => {
    await server.tell("alone");
    const page = await lookAtRun("alpha");
    await page.waitForFunction(() => performance.getEntriesByName(new URL("api/partitions", location.href).href).length > 0);
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    assert.equal(await page.locator("#agents").isVisible(), false);
    assert.deepEqual(page.problems.filter((p) => !/404/.test(p)), []);
    await server.tell("grouped");
  });

  test("is read out and walked through by keyboard", async () => {
    const page = await lookAtRun("alpha");
    for (const landmark of ["banner", "navigation", "main", "contentinfo"]) assert.equal(await page.getByRole(landmark).count(), 1, landmark);
    const seen = [];
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const e = document.activeElement;
        const style = getComputedStyle(e);
        return { name: e.id || e.className || e.textContent, outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1, body: e === document.body };
      });
      if (at.body) break;
      assert.ok(at.outline, `no focus is seen on ${at.name}`);
      seen.push(at.name);
    }
    for (const stop of ["skip", "theme", "run", "layer", "range", "log", "plot", "filter", "share"]) assert.ok(seen.includes(stop), `${stop} of ${seen}`);
    assert.equal(seen.filter((name) => name === "layer").length, 3, "the select, the heading and one row");
    const nameless = await page.evaluate(() => [...document.querySelectorAll("button, input, select, [role=img], [role=region]")]
      .filter((e) => !(e.ariaLabel || e.labels?.[0]?.textContent || e.textContent).trim()).map((e) => e.outerHTML));
    assert.deepEqual(nameless, []);
    assert.deepEqual(page.problems, []);
  });

  test("sorts, and says how it is sorted", async () => {
    const page = await lookAtRun("alpha");
    const heading = page.getByRole("columnheader", { name: "eff. rank" });
    const first = () => page.locator("#layertable tbody tr th").first().textContent();
    await heading.getByRole("button").press("Enter");
    assert.equal(await heading.getAttribute("aria-sort"), "descending");
    assert.equal(await first(), "block.5.out");
    await heading.getByRole("button").press("Enter");
    assert.equal(await heading.getAttribute("aria-sort"), "ascending");
    assert.equal(await first(), "block.0.out");
    assert.equal(await page.locator("[aria-sort]").count(), 1);
  });

  test("goes from layer to layer by arrow keys, and shows the one chosen everywhere", async () => {
    const page = await lookAtRun("alpha");
    await page.locator("button.layer[tabindex='0']").focus();
    await page.keyboard.press("ArrowDown");
    const name = await page.evaluate(() => document.activeElement.textContent);
    await page.keyboard.press("Enter");
    await page.waitForFunction((n) => [...document.querySelectorAll("[data-of=layer]")].every((e) => e.textContent === n), name);
    assert.equal(await page.getByLabel("Layer", { exact: true }).inputValue(), name);
    assert.equal(await text(page, "densityof"), name);
    assert.equal(await page.getByRole("button", { name, exact: true, pressed: true }).count(), 1);
    assert.equal(new URL(page.url()).searchParams.get("layer"), name);
    await page.waitForFunction(() => /upper bound \d/.test(document.querySelector("#traces .plot").ariaLabel));
  });

  test("gives a chart's figures by keyboard and as a table", async () => {
    const page = await lookAtRun("alpha");
    await page.locator("#traces .plot").focus();
    await page.keyboard.press("Home");
    assert.match(await page.locator("#traces [aria-live]").textContent(), /^step 1: .*F \d/);
    await page.locator("#traces summary").press("Enter");
    const rows = page.locator("#traces .data tbody tr");
    await rows.first().waitFor();
    assert.ok(await rows.count() >= 60);
    assert.match(await rows.last().textContent(), /^1\d/);
    const line = page.locator("#traces .legend button").first();
    await line.press("Enter");
    assert.equal(await line.getAttribute("aria-pressed"), "false");
  });

  test("comes back when the agent does, and has missed nothing", async () => {
    const page = await lookAtRun("beta");
    await server.tell("down");
    await page.waitForFunction(() => document.getElementById("state").className.includes("lost"));
    assert.match(await text(page, "announce"), /lost/);
    await server.publish("beta", { layers: 3, count: 7 });
    await server.tell("up");
    await page.waitForFunction(() => document.getElementById("state").className.includes("live"));
    assert.match(await text(page, "announce"), /live/);
    await page.waitForFunction(() => document.querySelector("#traces .where").textContent === "step 12");
    await page.locator("#traces summary").click();
    await page.waitForFunction(() => document.querySelectorAll("#traces .data tbody tr").length === 12);
    assert.deepEqual(page.problems.filter((p) => !/ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)/.test(p)), []);
  });

  test("says what is stale, what has ended, and forgets what the agent forgot", async () => {
    await server.publish("silent", { count: 5, age: 600 });
    await server.tell("publish", "gone", 2, 1, 0);
    await server.tell("end", "over", 2);
    const page = await lookAtRun("silent");
    assert.match(await text(page, "state"), /^stale: updated 10 min ago/);
    assert.match(await text(page, "announce"), /Run silent is stale/);
    const run = (name) => page.locator("button.run", { hasText: name });
    assert.match(await run("over").textContent(), /ended/);
    assert.match(await run("alpha").textContent(), /live|stale/);
    await server.tell("forget", "gone");
    await run("gone").waitFor({ state: "detached" });
    await server.tell("forget", "silent");
    await server.tell("forget", "over");
  });

  const owners = (page) => page.locator("#ownertable tbody tr");
  const cells = (row) => row.locator("th, td").allTextContents();

  test("tells which agent has which partition, and with which runs", async () => {
    const page = await lookAtRun("alpha");
    await page.getByRole("heading", { name: "Agents" }).waitFor();
    await owners(page).nth(5).waitFor();
    assert.deepEqual(await page.locator("#ownertable thead th").allTextContents(), ["partition", "agent", "events waiting", "runs here"]);
    // the first two look the same, but for the coordinator's names for them
    assert.deepEqual(await cells(owners(page).nth(0)), ["0", "consumer-1 at 10.0.0.0 …000000 (this agent)", "1,200",
      "<img src=x onerror=bite()> at step 40, young (ended)"]);
    assert.deepEqual(await cells(owners(page).nth(1)), ["1", "consumer-1 at 10.0.0.0 …000001", "1,201", "–"]);
    assert.deepEqual(await cells(owners(page).nth(2)), ["2", "consumer-1 at 10.0.0.1", "1,202", "–"]);
    assert.deepEqual(await cells(owners(page).nth(3)), ["3", "consumer-1 at 10.0.0.0 …000000 (this agent)", "1,203", "none yet"]);
    assert.deepEqual(await cells(owners(page).nth(4)), ["4", "consumer-1 at 10.0.0.0 …000001", "–", "–"]);
    assert.deepEqual(await cells(owners(page).nth(5)), ["5", "nobody", "1,205", "–"]);
    assert.equal(await text(page, "ownerfacts"), "3 agents share 6 partitions of events; nobody has 1 of them. Group watchers: Stable.");
    assert.deepEqual(page.problems, []);
  });

  test("says when partitions move, and what it does not know", async () => {
    const page = await lookAtRun("alpha");
    const said = page.locator("#ownersaid[role=status]");
    await owners(page).first().waitFor();
    assert.match(await said.textContent(), /^3 agents share/);
    await server.tell("owners", 1, 300, "no answer from Kafka");
    await page.waitForFunction(() => document.getElementById("ownersaid").textContent.startsWith("1 agent has 6 partitions"));
    assert.match(await text(page, "ownerfacts"), /As of 5 min ago: no answer from Kafka\.$/);
    await server.tell("owners", 0, 0, "never answered");
    await page.waitForFunction(() => document.getElementById("ownerfacts").textContent === "– not known: never answered");
    assert.equal(await owners(page).count(), 0);
    await server.tell("owners", 3, 0.5, "");
    await page.waitForFunction(() => document.querySelectorAll("#ownertable tbody tr").length === 6);
    assert.deepEqual(page.problems.filter((p) => !/503/.test(p)), []);
  });

  test("begins a new attempt's curves, and keeps the old ones at hand", async () => {
    await server.publish("twice", { count: 20 });
    await server.tell("again", "twice", 6);
    const page = await lookAtRun("twice");
    await page.waitForFunction(() => document.querySelector("#traces .where").textContent === "step 1");
    await page.getByLabel("Attempt").selectOption("1");
    await page.waitForFunction(() => document.querySelector("#traces .where").textContent === "step 20");
    await server.tell("forget", "twice");
  });

  for (const scheme of ["light", "dark"]) {
    test(`reads well in ${scheme}`, async () => {
      const page = await lookAtRun("alpha", { colorScheme: scheme });
      await page.locator("#layertable button.layer").first().click();
      const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
      assert.ok(scheme === "dark" ? background[0] < 60 : background[0] > 200, String(background));
      assert.deepEqual(await page.evaluate(lowContrasts), []);
    });
  }

  test("changes colours on request, and remembers", async () => {
    const page = await lookAtRun("alpha", { colorScheme: "light" });
    const button = page.getByRole("button", { name: "Colours: system" });
    await button.click();
    await page.getByRole("button", { name: "Colours: light" }).click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await page.reload();
    assert.equal(await text(page, "theme"), "Colours: dark");
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  });

  for (const width of [400, 2000]) {
    test(`fits ${width} pixels`, async () => {
      const page = await lookAtRun("alpha", { width });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${wide} pixels wide`);
      const chart = await page.locator("#traces canvas").boundingBox();
      assert.ok(chart.width > (width === 400 ? 300 : 600), `a chart of ${chart.width} pixels`);
      await page.setViewportSize({ width: width + 200, height: 900 });
      await page.waitForFunction((w) => document.querySelector("#traces canvas").getBoundingClientRect().width > w, chart.width);
    });
  }

  test("bears 20 runs of 300 layers without jank", async () => {
    const runs = Array.from({ length: 20 }, (_, i) => `run-${String(i).padStart(2, "0")}`);
    for (const run of runs) await server.publish(run, { layers: 300, count: 40 });
    const page = await lookAtRun("run-07");
    await page.waitForFunction(() => document.querySelectorAll("button.run").length >= 20
      && document.querySelectorAll("#layertable tbody tr").length === 300);
    await page.waitForFunction(() => document.querySelectorAll("#layertable .spark path[d^=M]").length === 300);
    // In time of the page's own thread, not of the clock, since whoever else uses the machine must not matter.
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
    const busy = async () => (await devtools.send("Performance.getMetrics")).metrics.find((m) => m.name === "TaskDuration").value;
    const before = await busy();
    const rounds = 5;
    for (let i = 0; i < rounds; i++) {
      for (const run of runs) await server.publish(run, { layers: 300 });
      await page.waitForTimeout(1000);
    }
    const each = (1000 * (await busy() - before)) / rounds;
    console.log(`20 runs of 300 layers: ${each.toFixed(0)} ms for each round of 20 snapshots`);
    assert.ok(each < 500, `${each} ms`);
    await page.getByLabel("Filter").fill("block.29");
    assert.equal(await page.locator("#layertable tbody tr").count(), 11);
    assert.equal(await text(page, "layercount"), "11 of 300 layers");
    await page.locator("button.run", { hasText: "run-19" }).click();
    await page.waitForFunction(() => document.getElementById("runname").textContent === "run-19");
    assert.deepEqual(page.problems, []);
    for (const run of runs) await server.tell("forget", run);
  });
});
