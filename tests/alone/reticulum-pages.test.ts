/**
 * The pages of Reticulum as different people get them: who may write, who may only look, who has an upload key and nothing
 * else; and where sizes are listed or signed, every picture on a page is one that the node gives.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import sharp from "sharp";

import { type ChildNode, runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";

const key = "an upload key of this test";

async function photo(seed: number): Promise<Uint8Array<ArrayBuffer>> {
  const exif = {
    IFD3: { GPSLatitudeRef: "N", GPSLatitude: "51/1 30/1 0/1", GPSLongitudeRef: "W", GPSLongitude: "0/1 7/1 0/1" },
  };
  const background = { r: seed, g: 90, b: 120 };
  const image = sharp({ create: { width: 900, height: 600, channels: 3, background } })
    .jpeg()
    .withExif(exif);
  return new Uint8Array(await image.toBuffer());
}

const asPage = { Accept: "text/html" };

async function token(node: ChildNode, name: string, scope: string): Promise<string> {
  const made = await runProgram(["token", "create", name, "--scope", scope, "--data", node.data]);
  const found = /\S{20,}/.exec(made.stdout)?.[0] ?? "";
  await until("the token is known", async () => {
    const answer = await fetch(`${node.url}/reticulum/stats.json`, { headers: { Authorization: `Bearer ${found}` } });
    return answer.status === 200;
  });
  return found;
}

/** Paths of all pictures in a page, as a browser reads them. */
function pictures(html: string): string[] {
  const sources = [...html.matchAll(/\ssrc="(\/[^"]*\/image\/[^"]+)"/g)].map(([, url]) => url ?? "");
  const sets = [...html.matchAll(/\ssrcset="(\/[^"]+)"/g)].flatMap(([, set]) =>
    (set ?? "").split(", ").map((one) => one.split(" ")[0] ?? ""),
  );
  return [...new Set([...sources, ...sets])].map((url) => url.replaceAll("&amp;", "&"));
}

async function refusedPictures(node: ChildNode, html: string, headers: Record<string, string>): Promise<string[]> {
  const refused: string[] = [];
  const found = pictures(html);
  expect(found.length).toBeGreaterThan(0);
  for (const url of found) {
    const answer = await fetch(`${node.url}${url}`, { headers, redirect: "manual" });
    await answer.bytes();
    if (answer.status !== 200) refused.push(`${answer.status} ${url}`);
  }
  return refused;
}

describe("with tokens", () => {
  let node: ChildNode;
  let hash: string;
  let tokens: Record<"read" | "write" | "admin", string>;
  beforeAll(async () => {
    node = await startChild({ config: `[reticulum]\nupload_keys = [${JSON.stringify(key)}]\n` });
    tokens = {
      read: await token(node, "reader", "reticulum:read"),
      write: await token(node, "writer", "reticulum:write"),
      admin: await token(node, "administrator", "reticulum:admin"),
    };
    const answer = await fetch(`${node.url}/reticulum/?key=${encodeURIComponent(key)}`, {
      method: "POST",
      body: await photo(1),
    });
    ({ hash } = (await answer.json()) as { hash: string });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  const page = async (path: string, who: keyof typeof tokens | "nobody", init: RequestInit = {}) => {
    const authorization: Record<string, string> = who === "nobody" ? {} : { Authorization: `Bearer ${tokens[who]}` };
    const answer = await fetch(`${node.url}/reticulum${path}`, {
      redirect: "manual",
      ...init,
      headers: { ...asPage, ...authorization },
    });
    return { status: answer.status, location: answer.headers.get("location"), text: await answer.text() };
  };

  test("who may only look sees no buttons, and not where a photo was taken; who may administer sees that too", async () => {
    const reader = await page(`/show/${hash}/`, "read");
    expect(reader.status).toBe(200);
    expect(reader.text).not.toContain("Purge results");
    expect(reader.text).not.toContain('type="image"');
    expect(reader.text).not.toContain("51.5");
    expect(reader.text).toContain("shown to those who may administer");
    const writer = await page(`/show/${hash}/`, "write");
    expect(writer.text).toContain("Purge results");
    expect(writer.text).toContain('type="image"');
    expect(writer.text).not.toContain("51.5");
    expect((await page(`/show/${hash}/`, "admin")).text).toContain("51.5, -0.1166667");
  });

  test("forms of pages want the scope write, and lead back", async () => {
    for (const verb of ["purge", "focus"]) {
      const body = () => new URLSearchParams({ x: "25", y: "75" });
      for (const who of ["nobody", "read"] as const) {
        const refused = await page(`/show/${hash}/${verb}`, who, { method: "POST", body: body() });
        expect([verb, who, refused.status]).toEqual([verb, who, who === "nobody" ? 401 : 403]);
      }
      const done = await page(`/show/${hash}/${verb}`, "write", { method: "POST", body: body() });
      expect([done.status, done.location]).toEqual([303, expect.stringContaining(`/reticulum/show/${hash}/?done=`)]);
    }
    const facts = await page(`/info/${hash}/`, "read");
    expect(facts.text).toContain('"focus":{"x":0.25,"y":0.75}');
    for (const point of ["x=101&y=1", "x=&y=1", "point.x=5&point.y=5", "", "x=NaN&y=0"]) {
      const body = new URLSearchParams(point);
      expect([point, (await page(`/show/${hash}/focus`, "write", { method: "POST", body })).status]).toEqual([
        point,
        400,
      ]);
    }
  });

  test("who has only an upload key is told where the image is, and is shown no others", async () => {
    const form = async (given: string) => {
      const body = new FormData();
      body.set("key", given);
      body.set("image", new Blob([await photo(2)], { type: "image/jpeg" }), "secret name.jpg");
      return body;
    };
    const stored = await page("/", "nobody", { method: "POST", body: await form(key) });
    expect(stored.status).toBe(200);
    expect(stored.text).toMatch(/\/reticulum\/image\/[0-9a-f]{64}\/full\/image\.jpg/);
    expect(stored.text).not.toContain(hash);
    const wrong = await page("/", "nobody", { method: "POST", body: await form("wrong") });
    expect([wrong.status, wrong.text.includes(hash), wrong.text.includes("secret name")]).toEqual([403, false, false]);
    const again = await page("/", "write", { method: "POST", body: await form("") });
    expect([again.status, again.location]).toEqual([
      303,
      expect.stringMatching(/\/show\/[0-9a-f]{64}\/\?done=stored$/),
    ]);
    for (const path of ["/", `/show/${hash}/`, `/image/${hash}/debug/a.jpg`, "/state/", "/live", "/state/live"]) {
      const refused = await page(path, "nobody");
      expect([path, refused.status, refused.text.includes("secret name")]).toEqual([path, 401, false]);
    }
  });

  test("every picture of a page is one that its reader gets", async () => {
    const headers = { Authorization: `Bearer ${tokens.read}` };
    for (const path of ["/", `/show/${hash}/`, `/image/${hash}/debug/a.jpg`]) {
      expect(await refusedPictures(node, (await page(path, "read")).text, headers)).toEqual([]);
    }
    expect((await page(`/show/${"0".repeat(64)}/`, "read")).status).toBe(404);
    expect((await page(`/image/${".".repeat(40)}/debug/a.jpg`, "read")).status).toBe(404);
    expect((await page("/show/?hash=nonsense", "read")).status).toBe(400);
  });
});

test("signed URLs: pages show pictures for a while, and sign other sizes for those who may write", async () => {
  await using node = await startChild({
    config: `[reticulum]\nurls = "signed"\nsigning_keys = ["a signing key of this test"]\n`,
  });
  const base = `${node.url}/reticulum`;
  const answer = await fetch(`${base}/`, { method: "POST", body: await photo(3) });
  const { hash } = (await answer.json()) as { hash: string };
  const html = await (await fetch(`${base}/show/${hash}/?size=333w`, { headers: asPage })).text();
  expect(await refusedPictures(node, html, {})).toEqual([]);
  expect(await refusedPictures(node, await (await fetch(`${base}/`, { headers: asPage })).text(), {})).toEqual([]);
  const copied = /&lt;img src=&quot;([^&]+(?:&amp;[^&]+)*)&quot; width=&quot;333/.exec(html)?.[1] ?? "";
  const url = copied.replaceAll("&amp;", "&");
  expect(url).toMatch(/\/333w\/image\.jpg\?s=[\w-]{43}$/);
  expect((await fetch(url)).status).toBe(200);

  const reader = await token(node, "reader", "reticulum:read");
  const headers = { ...asPage, Authorization: `Bearer ${reader}` };
  const looked = await (await fetch(`${base}/show/${hash}/?size=333w`, { headers })).text();
  expect(looked).toContain("signing wants the scope write");
  expect(looked).not.toContain("/333w/");
  expect(await refusedPictures(node, looked, headers)).toEqual([]);
  // What a reader's page shows is signed with an end.
  for (const picture of pictures(looked)) expect(picture).toMatch(/[?&]expires=\d+&s=/);
});

test("listed sizes without a key: pages show what is listed, and say what is not", async () => {
  await using node = await startChild({ config: `[reticulum]\nurls = "listed"\nsizes = ["100s", "300w", "full"]\n` });
  const base = `${node.url}/reticulum`;
  const answer = await fetch(`${base}/`, { method: "POST", body: await photo(4) });
  const { hash } = (await answer.json()) as { hash: string };
  const html = await (await fetch(`${base}/show/${hash}/?size=333w`, { headers: asPage })).text();
  expect(html).toContain("333w is none of the listed sizes, which are 100s, 300w, full.");
  const table = await (await fetch(`${base}/`, { headers: asPage })).text();
  expect(await refusedPictures(node, html + table, {})).toEqual([]);
});
