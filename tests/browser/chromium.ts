/**
 * Debian's Chromium, driven by playwright-core. Tests that need it are left out, with the reason said, where it is absent;
 * `WARREN_CHROMIUM` names another executable.
 */
import { existsSync } from "node:fs";

import { type Browser, type Locator, type Page, chromium } from "playwright-core";

const executable = process.env["WARREN_CHROMIUM"] ?? "/usr/bin/chromium";

/** Why the browser tests cannot run here, or undefined when they can. */
export const chromiumMissing: string | undefined = existsSync(executable)
  ? undefined
  : `there is no Chromium at ${executable}: install it (apt-get install chromium) or name it in WARREN_CHROMIUM`;

/** Starts it without a window. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: executable,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
}

/** Presses what leads to another page, or to the same one anew, and waits until that is there as a whole. */
export async function follow(page: Page, link: Locator): Promise<void> {
  await Promise.all([page.waitForEvent("load"), link.click()]);
}

/** What a page did that no page should do. */
export interface Misdeeds {
  /** Messages of level error or warning in the browser's console, violations of the policy among them. */
  complaints: string[];
  /** Requests to other origins. */
  strangers: string[];
}

/** Notes what `page` does from now on. A status of 400 or more of the page itself is not held against it. */
export function watch(page: Page, origin: string): Misdeeds {
  const misdeeds: Misdeeds = { complaints: [], strangers: [] };
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    if (message.text().startsWith("Failed to load resource") && message.location().url === page.url()) return;
    misdeeds.complaints.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => misdeeds.complaints.push(`${page.url()}: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith("data:"))
      misdeeds.strangers.push(request.url());
  });
  return misdeeds;
}
