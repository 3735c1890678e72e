#!/usr/bin/env bash
# Makes a screenshot of a live page: docs/screenshot.sh URL OUT.png [WIDTH HEIGHT]. Needs chromium, node and npm.
set -euo pipefail
url=$1 out=$(realpath -m "$2") width=${3:-1280} height=${4:-1060}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit puppeteer-core@24.10.0
cat > shot.mjs <<EOF
import puppeteer from "puppeteer-core";
const browser = await puppeteer.launch({ executablePath: "$(command -v chromium)", args: ["--no-sandbox"] });
const page = await browser.newPage();
page.on("pageerror", (error) => { console.error(error.message); process.exitCode = 1; });
await page.setViewport({ width: $width, height: $height });
await page.goto("$url", { waitUntil: "domcontentloaded" });
await page.waitForSelector("#total canvas", { timeout: 20000 });
await new Promise((done) => setTimeout(done, 2000));
await page.screenshot({ path: "$out" });
await browser.close();
EOF
node shot.mjs
