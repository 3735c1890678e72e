// A picture of a live page: node screenshot.mjs URL OUT.png [WIDTH HEIGHT].
import { launch, open } from "./fixture.mjs";

const [url, out, width = "1400", height = "1000"] = process.argv.slice(2);
const browser = await launch();
try {
  const page = await open(browser, url, { width: Number(width), height: Number(height) });
  await page.locator("#traces canvas").waitFor({ timeout: 60_000 });
  await page.waitForTimeout(3000); // the history has been drawn as well
  await page.screenshot({ path: out });
  if (page.problems.length > 0) throw new Error(page.problems.join("\n"));
} finally {
  await browser.close();
}
