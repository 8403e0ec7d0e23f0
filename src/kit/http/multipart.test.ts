/** Forms in arbitrary pieces against a model, damaged forms, and real senders. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";

import { systemClock } from "../clock.ts";
import { Fault } from "../fault.ts";
import { type MultipartLimits, readMultipart } from "./multipart.ts";

const limits: MultipartLimits = { maxBytes: 2 ** 40, clock: systemClock };

function requestOf(chunks: Iterable<Uint8Array>, contentType = "multipart/form-data; boundary=bound") {
  const iterator = chunks[Symbol.iterator]();
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const next = iterator.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
    },
    { highWaterMark: 0 },
  );
  return { headers: new Headers({ "content-type": contentType }), body };
}

/** Cuts bytes into pieces of the sizes given, over and over. */
function pieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const result: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    result.push(bytes.slice(at, at + size));
    at += size;
  }
  return result;
}

async function partsOf(request: Parameters<typeof readMultipart>[0], own: Partial<MultipartLimits> = {}) {
  const parts: { name: string; filename: string | undefined; contentType: string; bytes: string }[] = [];
  for await (const { body, ...head } of readMultipart(request, { ...limits, ...own })) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    parts.push({ ...head, bytes: Buffer.concat(chunks).toString("latin1") });
  }
  return parts;
}

async function codeOf(
  request: Parameters<typeof readMultipart>[0],
  own: Partial<MultipartLimits> = {},
): Promise<string> {
  try {
    return `no fault: ${JSON.stringify(await partsOf(request, own))}`;
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.code;
    throw thrown;
  }
}

const fieldHead = (name: string) => `Content-Disposition: form-data; name="${name}"\r\n`;
const textForm = `--bound\r\n${fieldHead("a")}\r\none\r\n--bound\r\n${fieldHead("b")}\r\n\r\n--bound--\r\n`;
const bytesOf = (text: string) => Buffer.from(text, "latin1");
const formOf = (text: string, sizes: readonly number[] = [1 << 20]) => requestOf(pieces(bytesOf(text), sizes));

test("readMultipart: parts, an empty one among them, in pieces of every size", async () => {
  for (let size = 1; size <= textForm.length; size++) {
    const parts = await partsOf(formOf(textForm, [size]));
    expect(parts.map(({ name, bytes }) => [name, bytes])).toEqual([
      ["a", "one"],
      ["b", ""],
    ]);
  }
});

test("readMultipart: preamble, padding, epilogue and data that looks like a delimiter", async () => {
  const body = "x\r\n--boun\r\n--boundary\r\n--bound-x\r\n--bound\r!\r\n-\r\r\n--boundless";
  const form = `before\r\n--bound \t\r\n${fieldHead("a")}\r\n${body}\r\n--bound--\r\nafter\r\n--bound\r\n`;
  for (const size of [1, 2, 3, 5, 7, 11, 1000]) {
    const parts = await partsOf(formOf(form, [size]));
    expect(parts.map(({ bytes }) => bytes)).toEqual([body]);
  }
});

test("readMultipart: a part whose body is missing altogether is empty", async () => {
  for (const size of [1, 4, 1000]) {
    const parts = await partsOf(formOf(`--bound\r\n${fieldHead("a")}\r\n--bound--`, [size]));
    expect(parts).toEqual([{ name: "a", filename: undefined, contentType: "text/plain", bytes: "" }]);
  }
});

test("readMultipart: arbitrary parts in arbitrary pieces come out as they went in", async () => {
  const alphabet = fc.constantFrom("\r", "\n", "-", "b", "o", "\r\n--boun", "\r\n--bound", "x", "\0", "\xff", "\r\n");
  const content = fc
    .array(alphabet, { maxLength: 40 })
    .map((list) => list.join(""))
    .filter((text) => !/\r\n--bound(--|[ \t]|\r\n)/.test(`\r\n${text}\r\n--`));
  await fc.assert(
    fc.asyncProperty(
      fc.array(content, { minLength: 1, maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 }),
      async (contents, sizes) => {
        const form = `${contents.map((text, index) => `--bound\r\n${fieldHead(`f${index}`)}\r\n${text}\r\n`).join("")}--bound--\r\n`;
        const parts = await partsOf(formOf(form, sizes));
        expect(parts.map(({ name, bytes }) => [name, bytes])).toEqual(
          contents.map((text, index) => [`f${index}`, text]),
        );
      },
    ),
    { numRuns: 500 },
  );
});

test("readMultipart: every cut of a form is a Fault, never an ending", async () => {
  const end = textForm.lastIndexOf("--") + 2;
  for (let length = 0; length < end; length++) {
    expect(await codeOf(formOf(textForm.slice(0, length)))).toBe(
      length < "--bound\r\n".length ? "http/boundary-missing" : "http/multipart-cut",
    );
  }
});

test("readMultipart: a form with bytes changed gives parts or a Fault, and ends", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(textForm.length - 1), fc.nat(255)), { maxLength: 4 }),
      fc.integer({ min: 1, max: 50 }),
      async (changes, size) => {
        const bytes = bytesOf(textForm);
        for (const [at, value] of changes) bytes[at] = value;
        await codeOf(requestOf(pieces(bytes, [size])));
      },
    ),
    { numRuns: 300 },
  );
});

test("readMultipart: each misuse has its code", async () => {
  expect(await codeOf(requestOf([], "application/json"))).toBe("http/not-multipart");
  expect(await codeOf(requestOf([], "multipart/form-data"))).toBe("http/boundary-missing");
  expect(await codeOf(requestOf([bytesOf(textForm)], "multipart/form-data; boundary=other"))).toBe(
    "http/boundary-missing",
  );
  expect(await codeOf(requestOf(Array.from({ length: 99 }, () => new Uint8Array(1000))))).toBe("http/boundary-missing");
  expect(await codeOf(formOf("--bound--\r\n"))).toBe("http/part-missing");
  expect(await codeOf(formOf(textForm), { maxParts: 1 })).toBe("http/too-many-parts");
  expect(await codeOf(formOf(textForm), { maxBytes: 60 })).toBe("http/body-too-large");
  expect(await codeOf(formOf(`--bound\r\nX: ${"y".repeat(300)}\r\n\r\n`), { maxHeaderBytes: 200 })).toBe(
    "http/part-head-too-large",
  );
  expect(await codeOf(formOf(`--bound\r\nX: ${"y".repeat(300)}`, [10]), { maxHeaderBytes: 200 })).toBe(
    "http/part-head-too-large",
  );
  expect(await codeOf(formOf(`--bound${" ".repeat(1000)}\r\n`))).toBe("http/multipart-malformed");
  expect(await codeOf(formOf(`--bound\r\n\r\n\r\n--bound--`))).toBe("http/multipart-malformed");
});

test("readMultipart: what the reader leaves of a part is skipped, however it left", async () => {
  const form = `--bound\r\n${fieldHead("a")}\r\n${"1234567890".repeat(50)}\r\n--bound\r\n${fieldHead("b")}\r\nlast\r\n--bound--\r\n`;
  const seen: string[] = [];
  let abandoned: AsyncIterator<Uint8Array> | undefined;
  for await (const part of readMultipart(formOf(form, [64]), limits)) {
    const iterator = part.body[Symbol.asyncIterator]();
    const first = await iterator.next();
    seen.push(
      `${part.name} ${Buffer.from(first.value ?? [])
        .toString()
        .slice(0, 4)}`,
    );
    // The first part's iterator is neither ended nor finished, and must not take bytes of the second.
    if (abandoned) expect((await abandoned.next()).done).toBe(true);
    abandoned = iterator;
  }
  expect(seen).toEqual(["a 1234", "b last"]);
});

test("readMultipart: leaving the form gives the request up", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(bytesOf(textForm.slice(0, 70))),
    cancel() {
      cancelled = true;
    },
  });
  for await (const _ of readMultipart(
    { headers: new Headers({ "content-type": "multipart/form-data; boundary=bound" }), body },
    limits,
  ))
    break;
  expect(cancelled).toBe(true);
});

test("readMultipart: memory stays small while a large part passes", async () => {
  // In a process of its own: what other tests of this one hold would be counted as well.
  const script = `
    import { systemClock } from "${import.meta.dir}/../clock.ts";
    import { readMultipart } from "${import.meta.dir}/multipart.ts";
    const chunk = crypto.getRandomValues(new Uint8Array(65_536));
    let left = 4096;
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from('--bound\\r\\nContent-Disposition: form-data; name="a"\\r\\n\\r\\n')),
      pull(controller) {
        if (left-- > 0) return controller.enqueue(chunk.slice());
        controller.enqueue(Buffer.from("\\r\\n--bound--"));
        controller.close();
      },
    }, { highWaterMark: 0 });
    const headers = new Headers({ "content-type": "multipart/form-data; boundary=bound" });
    const startBytes = process.memoryUsage.rss();
    let bytes = 0;
    let peakBytes = 0;
    for await (const part of readMultipart({ headers, body }, { maxBytes: 2 ** 40, clock: systemClock })) {
      for await (const piece of part.body) {
        bytes += piece.length;
        if (bytes % (1 << 22) < 65_536) peakBytes = Math.max(peakBytes, process.memoryUsage.rss() - startBytes);
      }
    }
    console.log(JSON.stringify({ bytes, peakBytes }));`;
  const child = Bun.spawn([process.execPath, "-e", script]);
  const { bytes, peakBytes }: { bytes: number; peakBytes: number } = JSON.parse(
    await new Response(child.stdout).text(),
  );
  expect(bytes).toBe(4096 * 65_536);
  expect(peakBytes).toBeLessThan(100 * 2 ** 20);
});

test("readMultipart: what curl and fetch send through a real server", async () => {
  const folder = mkdtempSync(join(tmpdir(), "warren-form-"));
  const random = crypto.getRandomValues(new Uint8Array(65_536));
  writeFileSync(join(folder, 'odd "name"; ü.bin'), Buffer.concat(Array.from({ length: 64 }, () => random)));
  using server = Bun.serve({
    port: 0,
    async fetch(request) {
      const parts: unknown[] = [];
      for await (const { body, ...head } of readMultipart(request, limits)) {
        const hash = new Bun.CryptoHasher("sha256");
        for await (const chunk of body) hash.update(chunk);
        parts.push({ ...head, sha256: hash.digest("hex") });
      }
      return Response.json(parts);
    },
  });
  const sha256 = (bytes: Uint8Array | string) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const whole = sha256(Buffer.concat(Array.from({ length: 64 }, () => random)));

  const curl = Bun.spawn([
    "curl",
    "-sS",
    "-F",
    "note=hello",
    "-F",
    `file=@"${join(folder, 'odd \\"name\\"; ü.bin')}";type=image/png`,
    server.url.href,
  ]);
  expect(JSON.parse(await new Response(curl.stdout).text())).toEqual([
    { name: "note", contentType: "text/plain", sha256: sha256("hello") },
    { name: "file", filename: 'odd "name"; ü.bin', contentType: "image/png", sha256: whole },
  ]);

  const form = new FormData();
  form.set("empty", new File([], "none.txt"));
  form.set("file", new File([random], "häschen.jpg", { type: "image/jpeg" }));
  const response = await fetch(server.url, { method: "POST", body: form });
  expect(await response.json()).toMatchObject([
    { name: "empty", filename: "none.txt", sha256: sha256("") },
    { name: "file", filename: "häschen.jpg", contentType: "image/jpeg", sha256: sha256(random) },
  ]);
  rmSync(folder, { recursive: true });
});
