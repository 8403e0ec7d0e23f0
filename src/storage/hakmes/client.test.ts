/** The client of Hakmes over a fake one that answers, lies, breaks off, forgets, or is not there. */
import { describe, expect, test } from "bun:test";

import type { Clock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { seededRandom } from "../../kit/random.ts";
import { type Key, requireKey } from "../cask/client.ts";
import { FakeHakmes } from "./client-fixture.ts";
import { HakmesClient, type UploadSource } from "./client.ts";
import { StreamSource } from "./upload-sources.ts";

const bytes = new Uint8Array(20_000).map((_, index) => (index * 7) % 251);
const absent = requireKey(`sha256:${"0".repeat(64)}`);

/** Time that passes only while somebody waits for it, and then at once. */
function hurriedClock(): Clock & { waitedMs: number[] } {
  let nowMs = 0;
  const waitedMs: number[] = [];
  return {
    waitedMs,
    now: () => nowMs,
    monotonicMs: () => nowMs,
    schedule(delayMs, callback) {
      // The limits of requests are never reached here; pauses are.
      if (delayMs >= 30_000) return () => undefined;
      let isDue = true;
      queueMicrotask(() => {
        if (!isDue) return;
        nowMs += delayMs;
        waitedMs.push(delayMs);
        callback();
      });
      return () => {
        isDue = false;
      };
    },
  };
}

function setUp(...fakes: FakeHakmes[]) {
  const clock = hurriedClock();
  const client = new HakmesClient({
    baseUrls: fakes.map(({ baseUrl }) => `${baseUrl}/`),
    clock,
    token: "secret",
    fetch: (url, init) => {
      const fake = fakes.find(({ baseUrl }) => url.startsWith(`${baseUrl}/`));
      if (fake === undefined) throw new Error(`Nobody is at ${url}`);
      return fake.fetch(url, init);
    },
  });
  const said: string[] = [];
  const patience = (limitMs = 60_000) => ({
    clock,
    random: seededRandom(1),
    limitMs,
    onWait: (fault: Fault) => void said.push(fault.message),
  });
  return { client, clock, patience, said };
}

function sourceOf(content: Uint8Array): UploadSource {
  return {
    sizeBytes: content.length,
    isRepeatable: true,
    async *from(offset) {
      for (let at = offset; at < content.length; at += 1000) yield content.slice(at, at + 1000);
    },
  };
}

async function all(reading: { bytes: AsyncIterable<Uint8Array> }): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of reading.bytes) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "none";
  } catch (thrown) {
    return thrown instanceof Fault ? `${thrown.kind} ${thrown.code}` : String(thrown);
  }
}

const down = () => {
  throw new Error("connection refused");
};

describe("put", () => {
  test("put: sends name, type and bytes in a form, shows the token, and gives back the record", async () => {
    for (const source of [bytes, new Blob([bytes]), () => sourceOf(bytes).from(0)]) {
      const fake = new FakeHakmes();
      const { client } = setUp(fake);
      const stored = await client.put(source, { name: 'odd "näme"\r\n.txt', mimetype: "image/x-odd" });
      expect(stored).toMatchObject({ key: fake.keyOf(bytes), size: 20_000 });
      expect(fake.files.get(stored.key)).toMatchObject({ mimetype: "image/x-odd" });
      expect(fake.files.get(stored.key)?.names[0]).toContain("näme");
      expect(fake.files.get(stored.key)?.bytes).toEqual(bytes);
      expect(fake.tokens).toEqual(["Bearer secret"]);
    }
  });

  test("put: a node that names other bytes, or no key at all, is not believed", async () => {
    for (const [key, code] of [
      [absent, "wrong-bytes"],
      ["nonsense", "nonsense"],
    ]) {
      const fake = new FakeHakmes();
      fake.fault = () => Response.json({ key, extension: "", mimetype: "", size: 20_000, chunks: null });
      expect(await codeOf(() => setUp(fake).client.put(bytes))).toBe(`unavailable hakmes/${code}`);
    }
  });

  test("put: what one address cannot take goes to the next; a refusal does not", async () => {
    const first = new FakeHakmes("http://first/hakmes");
    const second = new FakeHakmes("http://second/hakmes");
    first.fault = down;
    const { client } = setUp(first, second);
    expect((await client.put(bytes)).key).toBe(second.keyOf(bytes));
    await client.put(bytes);
    expect([first.asked.length, second.asked.length]).toEqual([1, 2]);

    const refusing = new FakeHakmes("http://first/hakmes");
    refusing.fault = () => Response.json({ code: "hakmes/too-large", detail: "Too large" }, { status: 413 });
    const asked = setUp(refusing, second);
    expect(await codeOf(() => asked.client.put(bytes))).toBe("too-large hakmes/too-large");
    expect(second.asked.length).toBe(2);
  });
});

describe("upload", () => {
  const upload = (fake: FakeHakmes, content = bytes, more: object = {}) => {
    const setting = setUp(fake);
    return {
      ...setting,
      result: setting.client.upload(sourceOf(content), {
        name: "file.bin",
        mimetype: "application/x-thing",
        patience: setting.patience(),
        ...more,
      }),
    };
  };

  test("upload: creates, sends once, and says the key", async () => {
    const fake = new FakeHakmes();
    expect(await upload(fake).result).toEqual({ key: fake.keyOf(bytes), sizeBytes: 20_000 });
    expect(fake.asked).toEqual(["POST /tus/", "PATCH /tus/upload1"]);
    expect(fake.files.get(fake.keyOf(bytes))).toMatchObject({ bytes, names: ["file.bin"] });
  });

  test("upload: goes on after each cut from where the server is, and hashes every byte once", async () => {
    for (const algorithm of ["sha256", "sha1"] as const) {
      const fake = new FakeHakmes();
      fake.algorithm = algorithm;
      fake.cutUploads.push(4500, 1, 0, 9000);
      const resumed: number[] = [];
      const sent: number[] = [];
      const { clock, result, said } = upload(fake, bytes, {
        onResumed: (at: number) => resumed.push(at),
        onSent: (at: number) => sent.push(at),
      });
      expect((await result).key).toBe(fake.keyOf(bytes));
      expect(resumed).toEqual([4500, 4501, 4501, 13_501]);
      expect(fake.asked.filter((line) => line.startsWith("PATCH")).length).toBe(5);
      expect(sent.at(-1)).toBe(20_000);
      expect(said.length).toBe(4);
      expect(Math.max(...clock.waitedMs)).toBeLessThanOrEqual(500);
    }
  });

  test("upload: a lost last answer is had by asking, and by looking the file up when the upload is gone", async () => {
    const fake = new FakeHakmes();
    fake.lostAnswers = 1;
    expect((await upload(fake).result).key).toBe(fake.keyOf(bytes));
    expect(fake.asked.at(-1)).toBe("HEAD /tus/upload1");

    const forgetful = new FakeHakmes();
    forgetful.lostAnswers = 1;
    forgetful.fault = (request) => {
      if (request.method === "HEAD" && request.url.includes("/tus/")) forgetful.uploads.clear();
      return undefined;
    };
    expect((await upload(forgetful).result).key).toBe(forgetful.keyOf(bytes));
    expect(forgetful.asked.filter((line) => line.startsWith("PATCH")).length).toBe(1);
    expect(forgetful.asked.at(-1)).toBe(`HEAD /file/${forgetful.keyOf(bytes)}/`);
  });

  test("upload: one that the server forgot begins anew, but not for ever", async () => {
    const fake = new FakeHakmes();
    fake.cutUploads.push(3000);
    fake.fault = (request) => {
      if (request.method === "HEAD" && fake.asked.length < 6) fake.uploads.clear();
      return undefined;
    };
    expect((await upload(fake).result).key).toBe(fake.keyOf(bytes));
    expect(fake.asked.filter((line) => line.startsWith("POST")).length).toBe(2);

    const never = new FakeHakmes();
    never.fault = (request) => {
      if (request.method === "PATCH") never.uploads.clear();
      return undefined;
    };
    expect(await codeOf(() => upload(never).result)).toBe("missing hakmes/not-found");
  });

  test("upload: an earlier run's is gone on with, its first bytes hashed here; one of another length is not", async () => {
    const fake = new FakeHakmes();
    fake.cutUploads.push(12_000);
    let url = "";
    const stop = new AbortController();
    const first = upload(fake, bytes, {
      onCreated: (created: string) => {
        url = created;
      },
      onSent: (at: number) => at >= 12_000 && stop.abort(new Error("killed")),
      signal: stop.signal,
    });
    await expect(first.result).rejects.toThrow("killed");
    expect(url).toBe("http://hakmes.example/hakmes/tus/upload1");
    const resumed: number[] = [];
    const second = upload(fake, bytes, { resume: url, onResumed: (at: number) => resumed.push(at) });
    expect((await second.result).key).toBe(fake.keyOf(bytes));
    expect(resumed).toEqual([12_000]);
    expect(fake.asked.slice(-2)).toEqual(["HEAD /tus/upload1", "PATCH /tus/upload1"]);

    const other = bytes.slice(1);
    expect((await upload(fake, other, { resume: url }).result).key).toBe(fake.keyOf(other));
    expect(fake.asked).toContain("PATCH /tus/upload2");
  });

  test("upload: a file whose beginning changed since the earlier run is not said to be stored", async () => {
    const fake = new FakeHakmes();
    fake.uploads.set("old", { length: 20_000, bytes: new Uint8Array(5000), name: "", key: undefined });
    const { result } = upload(fake, bytes, { resume: `${fake.baseUrl}/tus/old` });
    expect(await codeOf(() => result)).toBe("unavailable hakmes/wrong-bytes");
  });

  test("upload: patience ends after its time without a byte, with what was the matter; pauses grow", async () => {
    const fake = new FakeHakmes();
    fake.fault = down;
    const { clock, result } = upload(fake);
    expect(await codeOf(() => result)).toBe("unavailable hakmes/unreachable");
    const total = clock.waitedMs.reduce((sum, waited) => sum + waited, 0);
    expect(total).toBeCloseTo(60_000, -1);
    expect(clock.waitedMs.length).toBeLessThan(20);
    expect(Math.max(...clock.waitedMs)).toBeLessThanOrEqual(15_000);
  });

  test("upload: a refusal ends it at once, a busy or locked server is waited for", async () => {
    const refusing = new FakeHakmes();
    refusing.fault = () => new Response("no\n", { status: 403 });
    const refused = upload(refusing);
    expect(await codeOf(() => refused.result)).toBe("forbidden hakmes/refused");
    expect(refusing.asked.length).toBe(1);

    const busy = new FakeHakmes();
    const answers = [423, 429, 500, 503, 408, 409];
    busy.fault = (request) => {
      const status = request.method === "PATCH" ? answers.shift() : undefined;
      return status === undefined ? undefined : new Response(null, { status, headers: { "Retry-After": "2" } });
    };
    const waited = upload(busy);
    expect((await waited.result).key).toBe(busy.keyOf(bytes));
    expect(waited.clock.waitedMs.length).toBe(6);
    expect(Math.min(...waited.clock.waitedMs.slice(0, 5))).toBeGreaterThanOrEqual(2000);
  });

  test("upload: when its node stays away and others are there, it begins again at the next", async () => {
    const first = new FakeHakmes("http://first/hakmes");
    const second = new FakeHakmes("http://second/hakmes");
    first.cutUploads.push(7000);
    first.fault = () => (first.asked.length > 2 ? down() : undefined);
    const { client, patience } = setUp(first, second);
    const stored = await client.upload(sourceOf(bytes), { name: "", mimetype: "a/b", patience: patience() });
    expect(stored.key).toBe(second.keyOf(bytes));
    expect(second.asked).toEqual(["POST /tus/", "PATCH /tus/upload1"]);
  });

  test("upload: a server that claims bytes that were never sent, or names another key, is not believed", async () => {
    const ahead = new FakeHakmes();
    ahead.fault = (request) =>
      request.method === "PATCH"
        ? new Response(null, { status: 204, headers: { "Upload-Offset": "20001" } })
        : undefined;
    expect(await codeOf(() => upload(ahead).result)).toBe("unavailable hakmes/nonsense");
    const liar = new FakeHakmes();
    liar.fault = (request) =>
      request.method === "PATCH"
        ? new Response(null, { status: 204, headers: { "Upload-Offset": "20000", "Warren-Key": absent } })
        : undefined;
    expect(await codeOf(() => upload(liar).result)).toBe("unavailable hakmes/wrong-bytes");
  });

  test("upload: the token goes nowhere else, wherever the server says that the upload is", async () => {
    const fake = new FakeHakmes();
    fake.fault = (request) =>
      request.method === "POST"
        ? new Response(null, { status: 201, headers: { Location: "http://evil.example/steal/upload1" } })
        : undefined;
    fake.uploads.set("upload1", { length: 20_000, bytes: new Uint8Array(0), name: "", key: undefined });
    expect((await upload(fake).result).key).toBe(fake.keyOf(bytes));
    expect(fake.asked.at(-1)).toBe("PATCH /tus/upload1");
  });

  test("upload: a file that became shorter while it was read is an error", async () => {
    const fake = new FakeHakmes();
    const { client, patience } = setUp(fake);
    const shorter = { ...sourceOf(bytes), sizeBytes: 30_000 };
    expect(await codeOf(() => client.upload(shorter, { name: "", mimetype: "a/b", patience: patience() }))).toBe(
      "conflict hakmes/changed",
    );
  });
});

describe("upload of a stream", () => {
  async function* chunks(size = 900) {
    for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
  }
  const send = (fake: FakeHakmes, keepBytes = 4000, size = 900) => {
    const { client, patience } = setUp(fake);
    const source = new StreamSource(chunks(size), keepBytes);
    return { source, result: client.upload(source, { name: "", mimetype: "a/b", patience: patience() }) };
  };

  test("upload: what can be read only once goes in parts, each kept until the server has it", async () => {
    for (const cuts of [[], [100], [4000, 0, 3999, 1, 1]]) {
      const fake = new FakeHakmes();
      fake.cutUploads.push(...cuts);
      expect(await send(fake).result).toEqual({ key: fake.keyOf(bytes), sizeBytes: 20_000 });
      expect(fake.files.get(fake.keyOf(bytes))?.bytes).toEqual(bytes);
    }
  });

  test("upload: a part that ends just where the stream does, and a lost last answer, are no trouble", async () => {
    const fake = new FakeHakmes();
    fake.lostAnswers = 1;
    expect((await send(fake, 4000, 1000).result).key).toBe(fake.keyOf(bytes));
  });

  test("upload: when the server forgot what cannot be read again, that is said", async () => {
    const fake = new FakeHakmes();
    fake.fault = () => {
      if ([...fake.uploads.values()].some((upload) => upload.bytes.length > 5000)) fake.uploads.clear();
      return undefined;
    };
    expect(await codeOf(() => send(fake).result)).toBe("conflict hakmes/upload-lost");
  });

  test("StreamSource: a short stream is had whole, a long one is still all there afterwards", async () => {
    const short = new StreamSource(chunks(), 100_000);
    expect(await short.whole(20_000)).toEqual(Buffer.from(bytes));
    const long = new StreamSource(chunks(), 5000);
    expect(await long.whole(2000)).toBeUndefined();
    const first = await all({ bytes: long.from(0) });
    expect(first).toEqual(bytes.slice(0, first.length));
    expect(first.length).toBeGreaterThanOrEqual(5000);
    expect(await all({ bytes: long.from(1234) })).toEqual(bytes.slice(1234, first.length));
    long.confirmed(first.length);
    await expect(all({ bytes: long.from(0) })).rejects.toThrow("Cannot read from byte 0 again");
  });
});

describe("get", () => {
  test("get: gives the bytes, the type and the name", async () => {
    const fake = new FakeHakmes();
    const key = fake.add(bytes, "näme; x.txt", "text/plain");
    const reading = await setUp(fake).client.get(key);
    expect(reading).toMatchObject({ sizeBytes: 20_000, mimetype: "text/plain", name: "näme; x.txt" });
    expect(await all(reading)).toEqual(bytes);
  });

  test("get: what breaks off goes on at the next byte, with patience also through an outage", async () => {
    const fake = new FakeHakmes();
    const key = fake.add(bytes);
    fake.cutBodies.push(3000, 0, 9000);
    expect(await all(await setUp(fake).client.get(key))).toEqual(bytes);
    fake.cutBodies.push(3000);
    const { client, patience, said } = setUp(fake);
    let outage = 7;
    const reading = await client.get(key, { patience: patience() });
    fake.fault = () => (outage-- > 0 ? down() : undefined);
    expect(await all(reading)).toEqual(bytes);
    expect(said.length).toBe(8);
    fake.fault = down;
    expect(await codeOf(() => client.get(key))).toBe("unavailable hakmes/unreachable");
  });

  test("get: other bytes than the key's are a Fault, and so are more of them than announced", async () => {
    const fake = new FakeHakmes();
    const key = fake.add(bytes);
    for (const wrong of [bytes.with(700, 1), bytes.slice(1), new Uint8Array(0)]) {
      fake.served.set(key, wrong);
      expect(await codeOf(async () => all(await setUp(fake).client.get(key)))).toBe("unavailable hakmes/wrong-bytes");
    }
  });

  test("get: a range begins where it was asked to; one behind the end is said to be", async () => {
    const fake = new FakeHakmes();
    const key = fake.add(bytes);
    const { client } = setUp(fake);
    expect(await all(await client.get(key, { range: { start: 12_345 } }))).toEqual(bytes.slice(12_345));
    expect(await codeOf(() => client.get(key, { range: { start: 20_000 } }))).toBe("invalid hakmes/range");
  });
});

describe("questions", () => {
  test("find and info: what is known, or undefined when nobody knows the file", async () => {
    const fake = new FakeHakmes();
    const key = fake.add(bytes, "a.txt");
    const { client } = setUp(fake);
    expect(await client.find(key)).toEqual({ sizeBytes: 20_000, name: "a.txt" });
    expect(await client.info(key)).toMatchObject({ key, size: 20_000, names: [{ name: "a.txt" }], chunks: [key] });
    expect([await client.find(absent), await client.info(absent)]).toEqual([undefined, undefined]);
  });

  test("info: a record of the predecessor, and one of another file", async () => {
    const fake = new FakeHakmes();
    const key = fake.add(new Uint8Array(0));
    const record = { key, extension: "", mimetype: "text/plain", size: 0, chunks: null };
    fake.fault = () => Response.json(record);
    const { client } = setUp(fake);
    expect(await client.info(key)).toMatchObject({ chunks: [], names: [] });
    expect(await codeOf(() => client.info(absent))).toBe("unavailable hakmes/nonsense");
  });

  test("list and walk: page by page; a list that goes in circles is left", async () => {
    const fake = new FakeHakmes();
    const keys: Key[] = [];
    for (let index = 0; index < 25; index++) keys.push(fake.add(new Uint8Array([index]), `file ${index}`));
    const { client } = setUp(fake);
    const page = await client.list({ limit: 10 });
    expect(page).toMatchObject({ next: "10", total: 25 });
    const walked: Key[] = [];
    for await (const file of client.walk({ limit: 10 })) walked.push(file.key);
    expect(walked).toEqual(keys);
    expect((await client.list({ search: "file 2" })).files.length).toBe(6);
    fake.fault = () => Response.json({ files: [], next: "same" });
    expect(
      await codeOf(async () => {
        for await (const file of client.walk()) walked.push(file.key);
      }),
    ).toBe("unavailable hakmes/nonsense");
  });

  test("HakmesClient: an answer of another shape is nonsense, never a result", async () => {
    for (const body of ["", "null", "[]", '{"files":1}', "<html>", '{"files":[{"key":"x","size":1}]}']) {
      const fake = new FakeHakmes();
      fake.fault = () => new Response(body);
      const { client } = setUp(fake);
      expect(await codeOf(() => client.list())).toBe("unavailable hakmes/nonsense");
      expect(await codeOf(() => client.info(absent))).toBe("unavailable hakmes/nonsense");
    }
    const endless = new FakeHakmes();
    endless.fault = () =>
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024).fill(32)),
        }),
      );
    expect(await codeOf(() => setUp(endless).client.list())).toBe("unavailable hakmes/nonsense");
  });
});
