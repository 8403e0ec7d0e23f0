/**
 * Who may upload to Reticulum and who may see what: upload keys, tokens, public images, listed sizes and signatures; and how
 * it stands in for its predecessor, by that one's own configuration.
 */
import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";

import sharp from "sharp";

import { type ChildNode, runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";
import { onlyServices } from "../only-services.ts";

const environment = onlyServices("cask", "reticulum");

const dot = new Uint8Array(
  await sharp({ create: { width: 40, height: 20, channels: 3, background: "#c04020" } })
    .png()
    .toBuffer(),
);
const hash = new Bun.CryptoHasher("sha256").update(dot).digest("hex");
const signingKey = "0123456789abcdef";

async function upload(node: ChildNode, words: { key?: string; query?: string; token?: string; path?: string } = {}) {
  const body = new FormData();
  body.append("image", new Blob([dot], { type: "image/png" }), "dot.png");
  if (words.key !== undefined) body.append("key", words.key);
  return fetch(`${node.url}${words.path ?? "/reticulum/"}${words.query ?? ""}`, {
    method: "POST",
    body,
    headers: words.token === undefined ? {} : { Authorization: `Bearer ${words.token}` },
  });
}

/** A node with a token that exists, so that callers without one may do nothing. */
async function guardedNode(config: string): Promise<{ node: ChildNode; token: string }> {
  const node = await startChild({ config, environment });
  const made = await runProgram(["token", "create", "writer", "--scope", "reticulum:write", "--data", node.data]);
  expect(made.exitCode).toBe(0);
  const token = /\S{20,}/.exec(made.stdout)?.[0] ?? "";
  await until("the token is known", async () => (await fetch(`${node.url}/reticulum/stats.json`)).status === 401);
  return { node, token };
}

describe("upload keys", () => {
  test("a right key in the form or the query is wanted, and nothing is stored without", async () => {
    await using node = await startChild({ environment, config: `[reticulum]\nupload_keys = ["k1", "k2"]\n` });
    for (const words of [{}, { key: "" }, { key: "k3" }, { query: "?key=k" }, { key: "k1k2" }]) {
      const answer = await upload(node, words);
      expect([words, answer.status]).toEqual([words, 403]);
      expect(await answer.text()).toStartWith("invalid upload key");
    }
    expect((await fetch(`${node.url}/reticulum/image/${hash}/full/a.png`)).status).toBe(404);
    const raw = { method: "PUT", body: dot };
    expect((await fetch(`${node.url}/reticulum/`, raw)).status).toBe(403);
    expect((await fetch(`${node.url}/reticulum/?key=k2`, raw)).status).toBe(200);
    for (const words of [{ key: "k1" }, { query: "?key=k2" }, { key: "no", query: "?key=k1" }])
      expect([words, (await upload(node, words)).status]).toEqual([words, 200]);
  });
});

describe("a form on a page of another site", () => {
  const send = (node: ChildNode, key: string | undefined) => {
    const body = new FormData();
    body.append("image", new Blob([dot], { type: "image/png" }), "dot.png");
    if (key !== undefined) body.append("key", key);
    const headers = { Origin: "https://blog.example", "Sec-Fetch-Site": "cross-site" };
    return fetch(`${node.url}/reticulum/`, { method: "POST", body, headers });
  };

  test("is taken with a key, and only with a key", async () => {
    await using node = await startChild({ environment, config: `[reticulum]\nupload_keys = ["k1"]\n` });
    expect([(await send(node, undefined)).status, (await send(node, "k2")).status]).toEqual([403, 403]);
    const taken = await send(node, "k1");
    expect([taken.status, ((await taken.json()) as { hash: string }).hash]).toEqual([200, hash]);
    const purge = { method: "DELETE", headers: { Origin: "https://blog.example", "Sec-Fetch-Site": "cross-site" } };
    expect((await fetch(`${node.url}/reticulum/image/${hash}/`, purge)).status).toBe(403);
  });

  test("is refused where everybody on this machine may upload, for that right is not the form's", async () => {
    await using node = await startChild({ environment });
    expect([(await send(node, undefined)).status, (await send(node, "k1")).status]).toEqual([403, 403]);
  });
});

describe("with tokens", () => {
  test("images and uploads want one, and caches in between keep nothing", async () => {
    const { node, token } = await guardedNode("");
    await using _ = node;
    const url = `${node.url}/reticulum/image/${hash}/20w/a.png`;
    expect([(await upload(node)).status, (await fetch(url)).status]).toEqual([401, 401]);
    expect((await upload(node, { token })).status).toBe(200);
    const headers = { Authorization: `Bearer ${token}` };
    for (let time = 0; time < 2; time++) {
      const seen = await fetch(url, { headers });
      expect([seen.status, seen.headers.get("cache-control")]).toEqual([200, "private, max-age=31536000, immutable"]);
      // Also once it is ready in memory.
      expect((await fetch(url)).status).toBe(401);
    }
    for (const path of ["info", "srcset"])
      expect((await fetch(`${node.url}/reticulum/${path}/${hash}/`)).status).toBe(401);
    for (const [method, path] of [
      ["DELETE", `/image/${hash}/`],
      ["PUT", `/image/${hash}/focus`],
      ["POST", "/sign/"],
      ["POST", "/peer/notes/"],
      ["GET", "/peer/notes/"],
    ] as const) {
      const answer = await fetch(`${node.url}/reticulum${path}`, { method });
      expect([path, answer.status === 401 || answer.status === 403]).toEqual([path, true]);
    }
  });

  test("public_images: gives images to everybody and nothing else; an upload key opens uploads", async () => {
    const { node } = await guardedNode(`[reticulum]\npublic_images = true\nupload_keys = ["k1"]\n`);
    await using _ = node;
    expect((await upload(node)).status).toBe(403);
    expect((await upload(node, { key: "k1" })).status).toBe(200);
    for (let time = 0; time < 2; time++) {
      const seen = await fetch(`${node.url}/reticulum/image/${hash}/20w/a.png`);
      expect([seen.status, seen.headers.get("cache-control")]).toEqual([200, "public, max-age=31536000, immutable"]);
    }
    expect((await fetch(`${node.url}/reticulum/info/${hash}/`)).status).toBe(401);
    expect((await fetch(`${node.url}/reticulum/image/${hash}/`, { method: "DELETE" })).status).toBe(401);
  });
});

describe("signatures", () => {
  const signed = (path: string, key = signingKey) => {
    const mac = createHmac("sha256", key).update(path).digest("base64url");
    return `${path}${path.includes("?") ? "&" : "?"}s=${mac}`;
  };

  test("urls signed: nothing without one; a redirect carries a fresh one; keys rotate", async () => {
    const old = "an older key of some length";
    await using node = await startChild({
      config: `[reticulum]\nurls = "signed"\nsigning_keys = ["${signingKey}", "${old}"]\n`,
    });
    const base = `${node.url}/reticulum`;
    const get = (path: string) => fetch(`${base}${path}`, { redirect: "manual" });
    const uploaded = (await (await upload(node)).json()) as { full_url: string };
    expect(uploaded.full_url).toContain("?s=");
    expect((await fetch(`${node.url}${uploaded.full_url}`)).status).toBe(200);
    const path = `/image/${hash}/20w/a.png`;
    expect([(await get(path)).status, (await get(`${path}?s=x`)).status]).toEqual([403, 403]);
    for (const key of [signingKey, old]) expect((await get(signed(path, key))).status).toBe(200);
    expect((await get(signed(path, "a key that is none of them"))).status).toBe(403);
    expect((await get(signed(path).replace("20w", "21w"))).status).toBe(403);
    const future = Math.floor(Date.now() / 1000) + 1000;
    const timed = await get(signed(`${path}?expires=${future}`));
    expect(timed.headers.get("cache-control")).toMatch(/^public, max-age=(?:9\d\d|1000)$/);
    expect((await get(signed(`${path}?expires=1000`))).status).toBe(403);
    const moved = await get(signed(`/image/${hash}/10h20w/a.jpeg?expires=${future}`));
    expect([moved.status, moved.headers.get("cache-control")]).toEqual([301, "no-store"]);
    const location = moved.headers.get("location") ?? "";
    expect(location).toStartWith(`/reticulum/image/${hash}/20w10h/a.jpeg?expires=${future}&s=`);
    expect((await fetch(`${node.url}${location}`, { redirect: "manual" })).status).toBe(301);
    const asked = { method: "POST", body: JSON.stringify({ path, expires_in: 60 }) };
    const made = (await (await fetch(`${base}/sign/`, asked)).json()) as { url: string; expires: number };
    expect((await fetch(`${node.url}${made.url}`)).status).toBe(200);
    const set = (await (await get(`/srcset/${hash}/?widths=10,20`)).json()) as { srcset: string };
    for (const entry of set.srcset.split(", "))
      expect((await fetch(`${node.url}${entry.split(" ")[0]}`)).status).toBe(200);
  });

  test("urls listed: the sizes of the list, and others with a signature", async () => {
    await using node = await startChild({
      config: `[reticulum]\nurls = "listed"\nsizes = ["20w", "full"]\nsigning_keys = ["${signingKey}"]\n`,
    });
    await upload(node);
    const status = async (path: string) => (await fetch(`${node.url}/reticulum${path}`, { redirect: "manual" })).status;
    const path = (size: string) => `/image/${hash}/${size}/a.png`;
    expect([await status(path("20w")), await status(path("full")), await status(path("020w"))]).toEqual([
      200, 200, 301,
    ]);
    expect([await status(path("21w")), await status(signed(path("21w")))]).toEqual([403, 200]);
    const fine = (ratio: string) => `${path("20w")}?dpr=${ratio}`;
    expect([await status(fine("2")), await status(fine("1.7")), await status(signed(fine("1.7")))]).toEqual([
      200, 403, 200,
    ]);
  });

  test("urls listed: an upload key makes only listed sizes ahead, a token any", async () => {
    const { node, token } = await guardedNode(
      `[reticulum]\nurls = "listed"\nsizes = ["20w"]\nsigning_keys = ["${signingKey}"]\nupload_keys = ["k1"]\n`,
    );
    await using _ = node;
    const hintsOf = async (words: { key?: string; token?: string }) => {
      const answer = await upload(node, { ...words, query: "?size_hints=20w,30w" });
      return ((await answer.json()) as { size_hints: string[] }).size_hints;
    };
    expect([await hintsOf({ key: "k1" }), await hintsOf({ token })]).toEqual([["20w"], ["20w", "30w"]]);
  });

  test("a signature stands for a token", async () => {
    const { node, token } = await guardedNode(`[reticulum]\nsigning_keys = ["${signingKey}"]\n`);
    await using _ = node;
    expect((await upload(node, { token })).status).toBe(200);
    const path = `/image/${hash}/20w/a.png`;
    expect((await fetch(`${node.url}/reticulum${path}`)).status).toBe(401);
    const seen = await fetch(`${node.url}/reticulum${signed(path)}`);
    expect([seen.status, seen.headers.get("cache-control")]).toEqual([200, "public, max-age=31536000, immutable"]);
    expect((await fetch(`${node.url}/reticulum${signed("/x")}`)).status).toBe(401);
  });
});

describe("formats", () => {
  test("convert: an extension makes its format; negotiate: Accept does, and caches are told", async () => {
    await using node = await startChild({
      config: `[reticulum]\nconvert = true\nnegotiate = ["avif", "webp"]\n`,
    });
    await upload(node);
    const get = async (path: string, accept = "*/*") => {
      const answer = await fetch(`${node.url}/reticulum/image/${hash}/${path}`, { headers: { Accept: accept } });
      return {
        answer,
        format: (await sharp(await answer.bytes()).metadata()).format,
        vary: answer.headers.get("vary"),
      };
    };
    for (const [extension, format] of [
      ["webp", "webp"],
      ["avif", "heif"],
      ["jpg", "jpeg"],
      ["gif", "gif"],
    ] as const) {
      for (const size of ["20w", "full"]) {
        const made = await get(`${size}/a.${extension}`);
        expect([extension, size, made.format, made.vary]).toEqual([extension, size, format, null]);
      }
    }
    const browser = "image/avif,image/webp,image/*,*/*;q=0.8";
    expect(await get("20w/a.png")).toMatchObject({ format: "png", vary: "Accept" });
    expect(await get("20w/a.png", browser)).toMatchObject({ format: "heif", vary: "Accept" });
    expect(await get("20w/a.png", "image/webp")).toMatchObject({ format: "webp", vary: "Accept" });
    expect(await get("full/a.png", browser)).toMatchObject({ format: "png", vary: null });
    const tags = await Promise.all(
      [browser, "image/webp", "*/*"].map(async (accept) => (await get("20w/a.png", accept)).answer.headers.get("etag")),
    );
    expect(new Set(tags).size).toBe(3);
    // AVIF is made better when nobody waits, and is then another.
    const refined = await until(
      "it is refined",
      async () => {
        const { answer } = await get("20w/a.avif");
        const stats = (await (await fetch(`${node.url}/reticulum/stats.json`)).json()) as {
          events: { refined: number };
        };
        return stats.events.refined >= 1 && answer.headers.get("etag") !== tags[0] && answer;
      },
      120_000,
    );
    expect(refined.status).toBe(200);
  }, 180_000);
});

describe("standing in", () => {
  test("RETICULUM_CONFIG: the predecessor's file is followed, with Cask elsewhere", async () => {
    await using store = await startChild({ environment });
    await Bun.write(
      `${store.folder}/config.json`,
      JSON.stringify({
        nickname: "n0",
        UUID: "uuid-node-0",
        Port: 0,
        uploadkeys: ["k1"],
        NumResizeWorkers: 1,
        Replication: 3,
        UploadDirectory: "/tmp/u/",
        GroupcacheUrl: "x",
      }),
    );
    await using node = await startChild({
      words: ["reticulum"],
      environment: {
        RETICULUM_CONFIG: `${store.folder}/config.json`,
        WARREN_RETICULUM_CASK: `${store.url}/cask`,
      },
    });
    expect(node.output()).toContain("node n0");
    expect((await upload(node, { path: "/" })).status).toBe(403);
    const answer = await upload(node, { path: "/any/path", key: "k1" });
    expect(answer.status).toBe(200);
    const sha1 = new Bun.CryptoHasher("sha1").update(dot).digest("hex");
    expect(await answer.json()).toMatchObject({ hash: sha1, full_url: `/image/${sha1}/full/image.png` });
    expect((await fetch(`${node.url}/image/${sha1}/20w/a.png`)).status).toBe(200);
    expect((await fetch(`${store.url}/cask/file/sha1:${sha1}/`)).status).toBe(200);
    // An unknown path shows what the root shows.
    expect((await fetch(`${node.url}/nosuch`)).status).toBe(200);
  });

  test("RETICULUM_CONFIG: a file that cannot be read is reported once, and so is a missing Cask", async () => {
    await using store = await startChild({ environment });
    await Bun.write(`${store.folder}/bad.json`, "[1]");
    const words = ["reticulum", "--data", `${store.folder}/other`, "--listen", "127.0.0.1:0"];
    const bad = await runProgram(words, { environment: { RETICULUM_CONFIG: `${store.folder}/bad.json` } });
    expect(bad.exitCode).not.toBe(0);
    expect(bad.stderr.match(/bad\.json/g)).toHaveLength(1);
    const alone = await runProgram(words);
    expect(alone.exitCode).not.toBe(0);
    expect(alone.stderr).toContain("set cask in [reticulum]");
  });
});
