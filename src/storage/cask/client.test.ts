/** The client of Cask over a fetch function that answers, lies, breaks off or stays silent. */
import { describe, expect, test } from "bun:test";

import type { Clock } from "../../kit/clock.ts";
import { systemClock } from "../../kit/clock.ts";
import { Fault } from "../../kit/fault.ts";
import { CaskClient, caskOf, requireKey } from "./client.ts";
import { keyOf } from "./key.ts";

const bytes = new Uint8Array(1000).map((_, index) => (index * 7) % 251);
const key = keyOf("sha256", new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
const first = "http://first/cask";
const second = "http://second/cask";

type Answer = (request: Request) => Response | Promise<Response>;

function clientOf(
  answers: Record<string, Answer>,
  options: { clock?: Clock; idleTimeoutMs?: number; within?: boolean } = {},
) {
  const asked: string[] = [];
  const client = new CaskClient({
    baseUrls: Object.keys(answers),
    clock: systemClock,
    token: "secret",
    ...options,
    fetch: async (url, init) => {
      const request = new Request(url, init);
      asked.push(`${request.method} ${url}${request.headers.has("range") ? ` ${request.headers.get("range")}` : ""}`);
      const answer = Object.entries(answers).find(([base]) => url.startsWith(`${base}/`))?.[1];
      if (answer === undefined) throw new Error(`Nobody is at ${url}`);
      return answer(request);
    },
  });
  return { client, asked };
}

const unreachable: Answer = () => {
  throw new Error("connection refused");
};

describe("caskOf", () => {
  const option = "cask in [hakmes]";
  const asked: string[] = [];
  const reach = (service: string) =>
    service === "cask"
      ? {
          baseUrl: "http://here/cask",
          fetch: async (url: string, init: RequestInit) => {
            asked.push(`${init.method} ${url}`);
            return new Response(null, { headers: { "Content-Length": "1000" } });
          },
        }
      : undefined;

  test("without addresses the Cask of the same program is asked", async () => {
    const client = caskOf({ clock: systemClock, reach }, { baseUrls: [], option });
    expect(await client.find(key)).toEqual({ sizeBytes: 1000 });
    expect(asked).toEqual([`HEAD http://here/cask/file/${key}/`]);
  });

  test("addresses come before the Cask of the same program, and the token goes there", async () => {
    const seen: (string | null)[] = [];
    using server = Bun.serve({
      port: 0,
      fetch: (request) => {
        seen.push(request.headers.get("authorization"));
        return new Response("", { status: 404 });
      },
    });
    const baseUrls = [`http://127.0.0.1:${server.port}/cask`];
    const client = caskOf({ clock: systemClock, reach }, { baseUrls, token: "of hakmes", option });
    expect(await client.find(key)).toBeUndefined();
    expect(seen).toEqual(["Bearer of hakmes"]);
  });

  test("with neither the option to set is named", () => {
    const nowhere = { clock: systemClock, reach: () => undefined };
    expect(() => caskOf(nowhere, { baseUrls: [], option })).toThrow(
      "Cannot find a Cask to keep bytes in: none runs in this program; enable cask, or set cask in [hakmes] to the address of one",
    );
  });
});

/** Answers as a node does that holds `held`; breaks off after `cutAfter` bytes of a body. */
function holder(held: Uint8Array, cutAfter = Number.POSITIVE_INFINITY): Answer {
  return (request) => {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
    const start = Number(range?.[1] ?? 0);
    const end = range?.[2] ? Number(range[2]) + 1 : held.length;
    const part = held.slice(start, end);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent >= part.length) return controller.close();
        if (sent >= cutAfter) return controller.error(new Error("reset"));
        controller.enqueue(part.slice(sent, sent + 100));
        sent += 100;
      },
    });
    return new Response(request.method === "HEAD" ? null : body, {
      status: range ? 206 : 200,
      headers: range
        ? { "Content-Range": `bytes ${start}-${end - 1}/${held.length}` }
        : { "Content-Length": String(held.length) },
    });
  };
}

/** Takes what comes and answers with its key, or with `claimed`. */
function taker(taken: Uint8Array[], claimed?: string): Answer {
  return async (request) => {
    const got = await request.bytes();
    taken.push(got);
    const own = `sha256:${new Bun.CryptoHasher("sha256").update(got).digest("hex")}`;
    return Response.json({ key: claimed ?? own, success: true, size: got.length, copies: 2, wanted: 3 });
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

describe("get", () => {
  test("get: gives the bytes of the key, and shows the token", async () => {
    let shown = "";
    const { client } = clientOf({
      [first]: (request) => {
        shown = request.headers.get("authorization") ?? "";
        return holder(bytes)(request);
      },
    });
    const reading = await client.get(key);
    expect(reading.sizeBytes).toBe(1000);
    expect(await all(reading)).toEqual(bytes);
    expect(shown).toBe("Bearer secret");
  });

  test("get: bytes that are not those of the key are a Fault at the end", async () => {
    const wrong = bytes.with(500, (bytes[500] ?? 0) ^ 1);
    const { client } = clientOf({ [first]: holder(wrong) });
    expect(await codeOf(async () => all(await client.get(key)))).toBe("unavailable cask/wrong-bytes");
  });

  test("get: more bytes than were announced are refused as soon as they come", async () => {
    const { client } = clientOf({
      [first]: () => new Response(new Blob([bytes]).stream(), { headers: { "Content-Length": "999" } }),
    });
    expect(await codeOf(async () => all(await client.get(key)))).toBe("unavailable cask/wrong-bytes");
  });

  test("get: what breaks off goes on at the next byte, from whoever answers", async () => {
    const { asked, client } = clientOf({ [first]: holder(bytes, 300), [second]: holder(bytes) });
    expect(await all(await client.get(key))).toEqual(bytes);
    expect(asked).toEqual([
      `GET ${first}/file/${key}/`,
      `GET ${first}/file/${key}/ bytes=300-`,
      `GET ${first}/file/${key}/ bytes=600-`,
      `GET ${first}/file/${key}/ bytes=900-`,
    ]);
  });

  test("get: a node that never brings anything is given up", async () => {
    const { client } = clientOf({ [first]: holder(bytes, 0) });
    expect(await codeOf(async () => all(await client.get(key)))).toBe("unavailable cask/cut-short");
  });

  test("get: an address that cannot be reached, or has lost sight of the blob, is passed over and asked last", async () => {
    for (const deaf of [unreachable, () => new Response("not found\n", { status: 404 })]) {
      const { asked, client } = clientOf({ [first]: deaf, [second]: holder(bytes) });
      expect(await all(await client.get(key))).toEqual(bytes);
      expect(await all(await client.get(key))).toEqual(bytes);
      expect(asked.map((line) => line.split("/")[2])).toEqual(["first", "second", "second"]);
    }
  });

  test("get: a range is asked for and not compared with the key", async () => {
    const { asked, client } = clientOf({ [first]: holder(bytes) });
    const reading = await client.get(key, { range: { start: 10, end: 20 } });
    expect(await all(reading)).toEqual(bytes.slice(10, 20));
    expect(reading.sizeBytes).toBe(1000);
    expect(asked).toEqual([`GET ${first}/file/${key}/ bytes=10-19`]);
  });

  test("get: an answer that begins elsewhere than asked is nonsense", async () => {
    const { client } = clientOf({
      [first]: () => new Response("x", { status: 206, headers: { "Content-Range": "bytes 0-0/1000" } }),
    });
    expect(await codeOf(() => client.get(key, { range: { start: 10 } }))).toBe("unavailable cask/nonsense");
  });

  test("get: a caller that leaves ends it with its own reason", async () => {
    const leaving = new AbortController();
    const { client } = clientOf({ [first]: holder(bytes) });
    const reading = await client.get(key, { signal: leaving.signal });
    expect((await reading.bytes.next()).done).toBe(false);
    leaving.abort(new Error("had enough"));
    await expect(
      (async () => {
        while (!(await reading.bytes.next()).done);
      })(),
    ).rejects.toThrow("had enough");
    await expect(client.get(key, { signal: leaving.signal })).rejects.toThrow("had enough");
  });

  test("get: silence is given up after the stated time; a reader that takes its time is not", async () => {
    const stuck: Answer = (request) =>
      new Promise((_, reject) => {
        request.signal.addEventListener("abort", () => reject(request.signal.reason), { once: true });
      });
    const { client } = clientOf({ [first]: stuck }, { idleTimeoutMs: 20 });
    expect(await codeOf(() => client.get(key))).toBe("timeout cask/unreachable");

    let nowMs = 0;
    const due: { atMs: number; call: () => void }[] = [];
    const clock: Clock = {
      now: () => nowMs,
      monotonicMs: () => nowMs,
      schedule(delayMs, call) {
        const entry = { atMs: nowMs + delayMs, call };
        due.push(entry);
        return () => void due.splice(due.indexOf(entry), due.includes(entry) ? 1 : 0);
      },
    };
    const { client: patient } = clientOf({ [first]: holder(bytes) }, { clock, idleTimeoutMs: 1000 });
    const reading = await patient.get(key);
    expect((await reading.bytes.next()).done).toBe(false);
    nowMs = 60_000;
    for (const entry of due.splice(0)) entry.call();
    expect((await all(reading)).length).toBe(900);
    expect(due).toEqual([]);
  });
});

describe("put", () => {
  test("put: says whether the node held it before, when the node says so", async () => {
    const bytes = new TextEncoder().encode("again");
    const key = keyOf("sha256", new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
    const answer = () => Response.json({ key, success: true, size: 5, copies: 1, wanted: 1, existed: true });
    const { client } = clientOf({ [first]: async () => answer() });
    expect(await client.put(bytes)).toEqual({ key, sizeBytes: 5, copies: 1, wanted: 1, existed: true });
  });

  test("put: sends bytes, files and streams whole, and gives back what the node says", async () => {
    const sources = [
      bytes,
      new Blob([bytes]),
      async function* () {
        yield bytes.slice(0, 400);
        yield bytes.slice(400);
      },
    ];
    for (const source of sources) {
      const taken: Uint8Array[] = [];
      const { asked, client } = clientOf({ [first]: taker(taken) });
      expect(await client.put(source)).toEqual({ key, sizeBytes: 1000, copies: 2, wanted: 3 });
      expect(taken).toEqual([bytes]);
      expect(asked).toEqual([`PUT ${first}/`]);
    }
  });

  test("put: the algorithm and the promised key are in the address", async () => {
    const { asked, client } = clientOf({ [first]: taker([]) });
    await client.put(bytes, { key });
    await codeOf(() => client.put(bytes, { algorithm: "sha1" }));
    expect(asked).toEqual([`PUT ${first}/file/${key}/`, `PUT ${first}/?algorithm=sha1`]);
  });

  test("put: another key than that of the bytes sent is a Fault", async () => {
    for (const claimed of [`sha256:${"0".repeat(64)}`, `sha1:${"0".repeat(40)}`, "nonsense"]) {
      const { client } = clientOf({ [first]: taker([], claimed) });
      expect(await codeOf(() => client.put(bytes))).toBe("unavailable cask/wrong-bytes");
    }
  });

  test("put: is sent again elsewhere only when the bytes can be had again", async () => {
    const taken: Uint8Array[] = [];
    const { client } = clientOf({ [first]: unreachable, [second]: taker(taken) });
    expect((await client.put(bytes)).key).toBe(key);
    const once = clientOf({ [first]: unreachable, [second]: taker(taken) });
    const stream = async function* () {
      yield bytes;
    };
    expect(await codeOf(() => once.client.put(stream()))).toBe("unavailable cask/unreachable");
    expect(once.asked.length).toBe(1);
    expect((await once.client.put(stream)).key).toBe(key);
    expect(taken).toEqual([bytes, bytes]);
  });

  test("put: a refusal keeps the node's code and sentence, and goes no further when trying again is no use", async () => {
    const refusing: Answer = () =>
      Response.json({ code: "cask/wrong-digest", detail: "Cannot store it", status: 400 }, { status: 400 });
    const { asked, client } = clientOf({ [first]: refusing, [second]: taker([]) });
    await expect(client.put(bytes)).rejects.toThrow("Cannot store it");
    expect(asked.length).toBe(1);
    const waiting: Answer = () =>
      Response.json({ code: "cask/no-quorum", detail: "Too few" }, { status: 503, headers: { "Retry-After": "5" } });
    const alone = clientOf({ [first]: waiting });
    await expect(alone.client.put(bytes)).rejects.toMatchObject({ code: "cask/no-quorum", retryAfterMs: 5000 });
  });

  test("put: an original's answer of success:false is a missed quorum", async () => {
    const { client } = clientOf({ [first]: () => Response.json({ key, success: false }) });
    expect(await codeOf(() => client.put(bytes))).toBe("unavailable cask/no-quorum");
  });
});

describe("questions", () => {
  test("find: the size, or undefined when nobody has it", async () => {
    expect(await clientOf({ [first]: holder(bytes) }).client.find(key)).toEqual({ sizeBytes: 1000 });
    const missing: Answer = () => new Response(null, { status: 404 });
    expect(await clientOf({ [first]: missing, [second]: missing }).client.find(key)).toBeUndefined();
    expect(await codeOf(() => clientOf({ [first]: unreachable }).client.find(key))).toBe(
      "unavailable cask/unreachable",
    );
  });

  test("whereIs, verify, status: an answer of another shape is nonsense, never a result", async () => {
    for (const body of ["", "null", "[]", '{"key":1}', "<html>", '{"verdict":"fine","key":"k"}']) {
      const { client } = clientOf({ [first]: () => new Response(body) });
      expect(await codeOf(() => client.whereIs(key))).toBe("unavailable cask/nonsense");
      expect(await codeOf(() => client.verify(key))).toBe("unavailable cask/nonsense");
      expect(await codeOf(() => client.status())).toBe("unavailable cask/nonsense");
    }
  });

  test("drain: goes to the first address only", async () => {
    const { asked, client } = clientOf({ [first]: unreachable, [second]: unreachable });
    expect(await codeOf(() => client.drain(true))).toBe("unavailable cask/unreachable");
    expect(asked).toEqual([`POST ${first}/drain/`]);
  });

  test("CaskClient: a redirection is not followed, for it would carry the token elsewhere", async () => {
    const { asked, client } = clientOf({
      [first]: () => new Response(null, { status: 302, headers: { Location: "http://elsewhere/" } }),
    });
    expect(await codeOf(() => client.whereIs(key))).toBe("invalid cask/refused");
    expect(asked.length).toBe(1);
  });

  test("requireKey: takes a key, and quotes what is none", () => {
    expect(requireKey(key)).toBe(key);
    expect(() => requireKey("sha256:ABC")).toThrow('Cannot read the key "sha256:ABC"');
  });
});

describe("lists", () => {
  const digest = (number: number) => `ab${number.toString(16).padStart(62, "0")}`;
  const pair = (number: number): [string, number] => [`sha256:${digest(number)}`, number];
  /** Answers with the numbers from 0 to `count`, `limit` at a time, each answer changed by `change`. */
  const lister =
    (
      count: number,
      limit: number,
      change: (answer: Record<string, unknown>, after: string) => object = () => ({}),
    ): Answer =>
    (request) => {
      const query = new URL(request.url).searchParams;
      const after = query.get("after") ?? "";
      const bucket = Number(query.get("bucket"));
      const left = bucket === 0xab ? Array.from({ length: count }, (_, number) => pair(number)) : [];
      const rest = left.filter(([key]) => key > after);
      const keys = rest.slice(0, limit);
      const answer = {
        bucket,
        keys,
        complete: true,
        unasked: [] as string[],
        ...(rest.length > limit ? { next: keys.at(-1)?.[0] } : {}),
      };
      return Response.json({ ...answer, ...change(answer, after) });
    };

  test("keys: gathers a bucket from as many answers as it takes", async () => {
    const { client, asked } = clientOf({ [first]: lister(10, 4) });
    expect(await client.keys(0xab)).toEqual({
      bucket: 0xab,
      keys: Array.from({ length: 10 }, (_, number) => ({ key: keyOf("sha256", digest(number)), sizeBytes: number })),
      complete: true,
      unasked: [],
    });
    expect(asked).toHaveLength(3);
    expect(asked[1]).toBe(`GET ${first}/keys/?bucket=171&after=sha256:${digest(3)}`);
  });

  test("keys: is complete only when every answer was", async () => {
    const once = lister(10, 4, (_, after) => (after.endsWith("3") ? { complete: false, unasked: ["c", "b"] } : {}));
    const { client } = clientOf({ [first]: once });
    expect(await client.keys(0xab)).toMatchObject({ complete: false, unasked: ["b", "c"] });
  });

  test("keys: what has no place in the list is nonsense, and never goes on for ever", async () => {
    const changes: ((answer: Record<string, unknown>, after: string) => object)[] = [
      () => ({ keys: [pair(2), pair(1)] }),
      () => ({ keys: [pair(1), pair(1)] }),
      () => ({ keys: [["../etc/passwd", 1]] }),
      () => ({ keys: [[`sha256:cd${"0".repeat(62)}`, 1]] }),
      () => ({ keys: [[pair(1)[0], -1]] }),
      () => ({ keys: [[pair(1)[0], 0.5]] }),
      () => ({ keys: [], next: pair(9)[0] }),
      () => ({ keys: [pair(1)], next: pair(1)[0] }),
      () => ({ next: pair(7)[0] }),
      () => ({ next: "" }),
      () => ({ complete: "yes" }),
    ];
    for (const [place, change] of changes.entries()) {
      const { client } = clientOf({ [first]: lister(3, 4, change) });
      const thrown = await client.keys(0xab).then(
        () => "a result",
        (failure: unknown) => (failure instanceof Fault ? failure.code : failure),
      );
      expect([place, thrown]).toEqual([place, "cask/nonsense"]);
    }
    await expect(clientOf({ [first]: lister(0, 1) }).client.keys(256)).rejects.toThrow(RangeError);
  });

  test("walk: every bucket once, in order, until its caller has enough", async () => {
    const { client, asked } = clientOf({ [first]: lister(3, 10) });
    const seen: [number, number][] = [];
    for await (const { bucket, keys } of client.walk()) seen.push([bucket, keys.length]);
    expect(seen).toEqual(Array.from({ length: 256 }, (_, bucket) => [bucket, bucket === 0xab ? 3 : 0]));
    asked.length = 0;
    for await (const { bucket } of client.walk()) if (bucket === 2) break;
    expect(asked).toHaveLength(3);
    const leaving = new AbortController();
    leaving.abort(new Error("enough"));
    await expect(client.walk({ signal: leaving.signal }).next()).rejects.toThrow("enough");
  });
});

describe("within one program", () => {
  const within = { within: true };
  const chunksOf = async (reading: { bytes: AsyncGenerator<Uint8Array> }) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of reading.bytes) chunks.push(chunk);
    return chunks;
  };

  test("get: a blob, or a part of one, comes in one piece", async () => {
    const { client } = clientOf({ [first]: holder(bytes) }, within);
    expect(await chunksOf(await client.get(key))).toEqual([bytes]);
    expect(await chunksOf(await client.get(key, { range: { start: 10, end: 20 } }))).toEqual([bytes.slice(10, 20)]);
    const none = keyOf("sha256", new Bun.CryptoHasher("sha256").digest("hex"));
    const empty = clientOf(
      { [first]: () => new Response(new Uint8Array(0), { headers: { "Content-Length": "0" } }) },
      within,
    );
    expect(await chunksOf(await empty.client.get(none))).toEqual([]);
  });

  test("get: no byte of a wrong blob is given", async () => {
    const { client } = clientOf({ [first]: holder(bytes.toReversed()) }, within);
    const { bytes: given } = await client.get(key);
    await expect(given.next()).rejects.toMatchObject({ code: "cask/wrong-bytes" });
  });

  test("get: a blob larger than 8 MiB comes in order, in pieces, and is checked at its end", async () => {
    const large = new Uint8Array(8 * 1024 * 1024 + 1).fill(3);
    const answer: Answer = () =>
      new Response(new Blob([large]).stream(), { headers: { "Content-Length": String(large.byteLength) } });
    const { client } = clientOf({ [first]: answer }, within);
    const right = keyOf("sha256", new Bun.CryptoHasher("sha256").update(large).digest("hex"));
    const chunks = await chunksOf(await client.get(right));
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0)).toBe(large.byteLength);
    await expect(chunksOf(await client.get(key))).rejects.toMatchObject({ code: "cask/wrong-bytes" });
  });

  test("get: a blob that never comes whole is given up", async () => {
    const { client, asked } = clientOf({ [first]: holder(bytes, 100) }, within);
    await expect(chunksOf(await client.get(key))).rejects.toMatchObject({ code: "cask/cut-short" });
    expect(asked).toHaveLength(3);
  });

  test("put: the node's key is taken, unless it is none or of another kind than asked for", async () => {
    const answers = (told: string): Answer =>
      (async (request: Request) => {
        expect(await request.bytes()).toEqual(bytes);
        return Response.json({ key: told, success: true, size: 1000, copies: 1, wanted: 1 });
      }) satisfies Answer;
    const put = (told: string) =>
      clientOf({ [first]: answers(told) }, within).client.put(bytes, { algorithm: "sha256" });
    expect((await put(key)).key).toBe(key);
    for (const told of [`sha1:${"0".repeat(40)}`, "sha256:0", ""])
      await expect(put(told)).rejects.toMatchObject({ code: "cask/wrong-bytes" });
    const promised = clientOf({ [first]: answers(`sha256:${"0".repeat(64)}`) }, within).client.put(bytes, { key });
    await expect(promised).rejects.toMatchObject({ code: "cask/wrong-bytes" });
  });
});
