/** Pictures of a real node, as pages, mails and other programs ask for them: with an address alone, by form, and wrongly. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../../src/kit/clock.ts";
import { type ChildNode, startChild } from "../../../src/kit/testing/child-node.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-pictures-"));
let node: ChildNode;

beforeAll(async () => {
  mkdirSync(join(folder, "node"));
  node = await startChild({ folder: join(folder, "node") });
  const now = Math.floor(systemClock.now() / 1000);
  const lines = Array.from({ length: 300 }, (_, at) => `a.b ${at % 7} ${now - (300 - at) * 10}\n`);
  const written = await fetch(`${node.url}/series/write`, { method: "POST", body: lines.join("") });
  expect(written.status).toBe(200);
}, 180_000);
afterAll(async () => {
  await node.end();
  rmSync(folder, { recursive: true, force: true });
});

const daily =
  "target=keepLastValue(a.b)&target=threshold(5.000000)&width=1600&height=300&fontSize=20&bgcolor=FFFFFF&fgcolor=000000&hideGrid=true&colorList=%23999999,%23006699&from=-24hours";
const weekly =
  "target=keepLastValue(a.b)&target=threshold(5.000000)&width=1600&height=150&fontSize=20&hideGrid=true&hideLegend=true&graphOnly=true&hideAxes=true&bgcolor=EEEEEE&fgcolor=000000&hideGrid=true&colorList=%23cccccc,%236699cc&from=-7days";

async function sizeOf(response: Response): Promise<[number, string | null, number, number]> {
  const bytes = await response.bytes();
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return [response.status, response.headers.get("content-type"), view.getUint32(16), view.getUint32(20)];
}

describe("pictures of a node", () => {
  test("render: is a PNG unless something else is asked for", async () => {
    const response = await fetch(`${node.url}/series/render/?target=a.b&from=-1h`);
    expect(await sizeOf(response)).toEqual([200, "image/png", 330, 250]);
  });

  test("render: answers the addresses of hound's mails", async () => {
    expect(await sizeOf(await fetch(`${node.url}/series/render/?${daily}`))).toEqual([200, "image/png", 1600, 300]);
    expect(await sizeOf(await fetch(`${node.url}/series/render/?${weekly}`))).toEqual([200, "image/png", 1600, 150]);
  });

  test("render: a form asks for pictures as an address does", async () => {
    const body = new URLSearchParams({ target: "a.b", from: "-1h", width: "90", height: "40" });
    const response = await fetch(`${node.url}/series/render`, { method: "POST", body });
    expect(await sizeOf(response)).toEqual([200, "image/png", 90, 40]);
  });

  test("render: a hundred pictures at once are all drawn", async () => {
    const sizes = await Promise.all(
      Array.from({ length: 100 }, async (_, at) => {
        const response = await fetch(`${node.url}/series/render?target=a.b&from=-1h&width=${100 + at}&height=50`);
        return (await sizeOf(response)).slice(0, 3);
      }),
    );
    expect(sizes).toEqual(Array.from({ length: 100 }, (_, at) => [200, "image/png", 100 + at]));
  }, 180_000);

  test("render: svg, also of nothing", async () => {
    for (const target of ["a.b", "nothing.at.all"]) {
      const response = await fetch(`${node.url}/series/render?target=${target}&from=-1h&format=svg`);
      expect([response.status, response.headers.get("content-type")]).toEqual([200, "image/svg+xml"]);
      expect(await response.text()).toStartWith("<svg ");
    }
  });

  test.each([
    ["target=a.b&width=99999", "width must be a number from 1 to 4096"],
    ["target=color(a.b,'none')", "Cannot read colour"],
    ["target=a.b&lineMode=wild", "lineMode must be one of"],
    ["target=a.b&format=pdf", "format pdf is not drawn"],
    ["target=a.b&yMin=2&yMax=1", "yMin must be below yMax"],
  ])("render: %s is refused with a sentence", async (query, sentence) => {
    const response = await fetch(`${node.url}/series/render?${query}`);
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(sentence);
  });

  test("functions: are described as they are declared, what is infinite included", async () => {
    const text = await (await fetch(`${node.url}/series/functions?grouped=1`)).text();
    expect(text).toContain("1e9999");
    const groups = JSON.parse(text) as Record<string, Record<string, { group: string }>>;
    expect(groups["Graph"]?.["areaBetween"]?.group).toBe("Graph");
    expect((await fetch(`${node.url}/series/functions/none`)).status).toBe(404);
  });
});
