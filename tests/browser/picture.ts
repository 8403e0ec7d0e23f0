/**
 * Takes the picture of a page for the documentation: `bun tests/browser/picture.ts <url> <file.png>`. Without a URL it
 * shows the console's sample. The picture is twice as fine as the page, so that it stays sharp where it is shown smaller.
 */
import { startChromium } from "./chromium.ts";
import { startStorybook } from "./storybook.ts";

/** Opens `url`, waits until its live parts are there, and writes the picture to `path`. */
export async function takePicture(url: string, path: string): Promise<void> {
  const browser = await startChromium();
  try {
    const page = await browser.newPage({ viewport: { width: 1240, height: 800 }, deviceScaleFactor: 2 });
    await page.goto(url);
    await page.getByText("Live", { exact: true }).waitFor();
    await page.screenshot({ path });
  } finally {
    await browser.close();
  }
}

if (import.meta.main) {
  const [url, path] = process.argv.slice(2);
  if (url !== undefined && path !== undefined) await takePicture(url, path);
  else {
    await using story = startStorybook();
    await takePicture(story.url, url ?? "docs/images/console.png");
  }
}
