/** Resumable uploads when things go wrong: cuts, crashes, rivals, damage, time, a Cask that does not answer. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import fc from "fast-check";

import { Fault } from "../../kit/fault.ts";
import type { Hakmes } from "./hakmes.ts";
import { tusCleaning } from "./tus-clean.ts";
import { diskFaultOf } from "./tus-fault.ts";
import { bodyOf, keyOfBytes, seededBytes, TusFixture } from "./tus-fixture.ts";

const hourMs = 3_600_000;
const offsetOf = (response: Response) => Number(response.headers.get("upload-offset") ?? Number.NaN);
const seen = ({ status, headers }: Response) => [status, headers.get("upload-offset")];
const tails = (tus: TusFixture) => readdirSync(join(tus.folder, "tus-tails"));
const clean = (tus: TusFixture) => tusCleaning(tus.uploads).step(new AbortController().signal);

/** Waits until the event loop has brought about `look`. */
async function until(look: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!look()) {
    if (performance.now() > deadline) throw new Error("waited in vain");
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

describe("a request that breaks off", () => {
  test("keeps what came, to the byte, across a kill", async () => {
    await using tus = await TusFixture.open();
    const bytes = seededBytes(1, 50_000);
    const url = await tus.create({ "Upload-Length": "50000" });
    const cut = await tus.patch(url, 0, bodyOf(bytes.subarray(0, 23_000), "cut").stream);
    expect(cut.status).toBe(400);
    expect(seen(await tus.send("HEAD", url))).toEqual([200, "23000"]);
    await tus.restart();
    expect(seen(await tus.send("HEAD", url))).toEqual([200, "23000"]);
    const last = await tus.patch(url, 23_000, bytes.subarray(23_000));
    expect(last.headers.get("warren-key")).toBe(keyOfBytes(bytes));
    expect(Buffer.from(await tus.read(keyOfBytes(bytes))).equals(bytes)).toBe(true);
    expect(tails(tus)).toEqual([]);
  });

  test("a kill in its middle loses no more than what came since the last save", async () => {
    await using tus = await TusFixture.open({ limits: { checkpointMs: 0 } });
    const bytes = seededBytes(2, 60_000);
    const url = await tus.create({ "Upload-Length": "60000" });
    await tus.patch(url, 0, bytes.subarray(0, 300));
    const body = bodyOf(bytes.subarray(300, 40_000), "silence");
    const hanging = tus.patch(url, 300, body.stream);
    await until(() => body.isAllTaken() && tus.uploads.counts().openBytes > 30_000);
    const before = tus.uploads;
    await tus.restart();
    const offset = offsetOf(await tus.send("HEAD", url));
    expect(offset).toBeGreaterThan(30_000);
    const last = await tus.patch(url, offset, bytes.subarray(offset));
    expect(last.headers.get("warren-key")).toBe(keyOfBytes(bytes));
    // The request of the killed run is only an object of this test; it must not be waited for for ever.
    tus.chunks.trouble = () => "fail";
    const stopped = before.stop();
    await tus.settled(Promise.allSettled([stopped, hanging]));
  });

  test("a kill before its first chunk keeps what an earlier one brought", async () => {
    await using tus = await TusFixture.open({ limits: { checkpointMs: 0 } });
    const bytes = seededBytes(18, 9000);
    const url = await tus.create({ "Upload-Length": "9000" });
    await tus.patch(url, 0, bytes.subarray(0, 300));
    const body = bodyOf(bytes.subarray(300, 400), "silence");
    const hanging = tus.patch(url, 300, body.stream);
    await until(() => body.isAllTaken() && tus.chunks.underWay === 0);
    const before = tus.uploads;
    await tus.restart();
    expect(seen(await tus.send("HEAD", url))).toEqual([200, "300"]);
    const last = await tus.patch(url, 300, bytes.subarray(300));
    expect(last.headers.get("warren-key")).toBe(keyOfBytes(bytes));
    await Promise.allSettled([before.stop(), hanging]);
  });
});

describe("two requests for one upload", () => {
  test("one that is silent gives way to HEAD and keeps what it brought", async () => {
    await using tus = await TusFixture.open();
    const bytes = seededBytes(3, 9000);
    const url = await tus.create({ "Upload-Length": "9000" });
    const body = bodyOf(bytes.subarray(0, 5000), "silence");
    const stale = tus.patch(url, 0, body.stream);
    await until(body.isAllTaken);
    expect(seen(await tus.settled(tus.send("HEAD", url)))).toEqual([200, "5000"]);
    expect([(await stale).status, body.isGivenUp()]).toEqual([423, true]);
    expect((await tus.patch(url, 5000, bytes.subarray(5000))).headers.get("warren-key")).toBe(keyOfBytes(bytes));
  });

  test("one that is silent gives way to PATCH, and to DELETE at once", async () => {
    await using tus = await TusFixture.open();
    const bytes = seededBytes(4, 9000);
    const url = await tus.create({ "Upload-Length": "9000" });
    const body = bodyOf(new Uint8Array(0), "silence");
    const stale = tus.patch(url, 0, body.stream);
    await until(() => tus.uploads.counts().busy === 1);
    expect(seen(await tus.settled(tus.patch(url, 0, bytes.subarray(0, 4000))))).toEqual([204, "4000"]);
    expect((await stale).status).toBe(423);
    const second = tus.patch(url, 4000, bodyOf(new Uint8Array(0), "silence").stream);
    await until(() => tus.uploads.counts().busy === 1);
    expect((await tus.send("DELETE", url)).status).toBe(204);
    expect((await second).status).toBe(423);
    expect(tus.uploads.counts()).toMatchObject({ open: 0, busy: 0, idle: 0 });
  });

  test("one that moves is not disturbed: the other is told that the upload is locked", async () => {
    await using tus = await TusFixture.open({ limits: { patienceMs: 400 } });
    const bytes = seededBytes(5, 2000);
    const url = await tus.create({ "Upload-Length": "2000" });
    let feed: (piece: Uint8Array) => void = () => undefined;
    let end = () => undefined as void;
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        feed = (piece) => controller.enqueue(piece);
        end = () => controller.close();
      },
    });
    const moving = tus.patch(url, 0, stream);
    await until(() => tus.uploads.counts().busy === 1);
    const rival = tus.send("HEAD", url);
    let sent = 0;
    const state = { isAnswered: false };
    void rival.finally(() => (state.isAnswered = true));
    while (!state.isAnswered) {
      feed(bytes.subarray(sent, ++sent));
      for (let turn = 0; turn < 5; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
      tus.clock.advance(40);
    }
    expect([(await rival).status, (await rival).headers.get("retry-after")]).toEqual([423, "1"]);
    feed(bytes.subarray(sent));
    end();
    expect((await moving).headers.get("warren-key")).toBe(keyOfBytes(bytes));
  });

  test("a sender who falls silent is cut off and may go on later", async () => {
    await using tus = await TusFixture.open({ limits: { senderIdleMs: 5000 } });
    const url = await tus.create({ "Upload-Length": "9000" });
    const body = bodyOf(seededBytes(6, 5000), "silence");
    const slow = tus.patch(url, 0, body.stream);
    await until(body.isAllTaken);
    expect((await tus.settled(slow)).status).toBe(408);
    expect(seen(await tus.send("HEAD", url))).toEqual([200, "5000"]);
  });

  test("stop: cuts what is under way, which keeps what came, and takes no more", async () => {
    await using tus = await TusFixture.open();
    const url = await tus.create({ "Upload-Length": "9000" });
    const body = bodyOf(seededBytes(7, 5000), "silence");
    const under = tus.patch(url, 0, body.stream);
    await until(body.isAllTaken);
    await tus.uploads.stop();
    expect([(await under).status, (await under).headers.get("retry-after")]).toEqual([503, "2"]);
    expect((await tus.patch(url, 5000, seededBytes(7, 10))).status).toBe(503);
    expect((await tus.send("HEAD", url)).status).toBe(423);
    await tus.restart();
    expect(seen(await tus.send("HEAD", url))).toEqual([200, "5000"]);
  });
});

describe("time", () => {
  test("an upload nothing comes to is ended, then forgotten, and leaves no file behind", async () => {
    await using tus = await TusFixture.open();
    const url = await tus.create({ "Upload-Length": "9000" });
    await tus.patch(url, 0, seededBytes(8, 300));
    tus.clock.advance(hourMs - 1);
    expect(seen(await tus.patch(url, 300, seededBytes(8, 300)))).toEqual([204, "600"]);
    tus.clock.advance(hourMs - 1);
    await clean(tus);
    expect((await tus.send("HEAD", url)).status).toBe(200);
    tus.clock.advance(1);
    expect((await tus.send("HEAD", url)).status).toBe(410);
    expect(tails(tus)).toHaveLength(1);
    await clean(tus);
    expect([tails(tus), tus.uploads.counts()]).toEqual([[], { open: 0, openBytes: 0, busy: 0, idle: 0 }]);
    expect((await tus.send("HEAD", url)).status).toBe(410);
    tus.clock.advance(hourMs);
    await clean(tus);
    expect((await tus.send("HEAD", url)).status).toBe(404);
  });

  test("parts are kept while a file is made of them, and not much longer", async () => {
    const gate = Promise.withResolvers<void>();
    await using tus = await TusFixture.open({
      limits: { joinWaitMs: 1000, keepMs: 24 * hourMs },
      between: (hakmes) => ({
        begin: (options) => hakmes.begin(options),
        join: async (...all) => {
          await gate.promise;
          return hakmes.join(...all);
        },
      }),
    });
    const bytes = seededBytes(9, 3000);
    const part = await tus.create({ "Upload-Length": "3000", "Upload-Concat": "partial" });
    await tus.patch(part, 0, bytes);
    tus.clock.advance(hourMs);
    const answer = await tus.settled(tus.send("POST", "", { "Upload-Concat": `final;${part}` }));
    expect([answer.status, answer.headers.get("warren-key")]).toEqual([201, null]);
    const url = answer.headers.get("location") ?? "";
    expect(seen(await tus.send("HEAD", url))).toEqual([200, null]);
    expect((await tus.send("DELETE", part)).status).toBe(423);
    expect((await tus.send("DELETE", url)).status).toBe(423);
    expect(await (await tus.send("GET", url)).json()).toMatchObject({ state: "joining", length: 3000 });
    // The part's own time is over by now, the file's is not.
    tus.clock.advance(23.5 * hourMs);
    await clean(tus);
    gate.resolve();
    await until(() => tus.uploads.counts().open === 1);
    expect((await tus.send("HEAD", url)).headers.get("warren-key")).toBe(keyOfBytes(bytes));
    tus.clock.advance(hourMs);
    await clean(tus);
    expect((await tus.send("HEAD", part)).status).toBe(410);
    expect((await tus.send("HEAD", url)).status).toBe(200);
  });

  test("parts that are kept do not keep others from being ended", async () => {
    const gate = Promise.withResolvers<void>();
    await using tus = await TusFixture.open({
      limits: { joinWaitMs: 1000, maxUnfinished: 200 },
      between: (hakmes) => ({
        begin: (options) => hakmes.begin(options),
        join: async (...all) => {
          await gate.promise;
          return hakmes.join(...all);
        },
      }),
    });
    const parts: string[] = [];
    for (let count = 0; count < 101; count++) {
      const part = await tus.create({ "Upload-Length": "1", "Upload-Concat": "partial" });
      await tus.patch(part, 0, seededBytes(count, 1));
      parts.push(part);
    }
    tus.clock.advance(1000);
    const other = await tus.create({ "Upload-Length": "9000" });
    await tus.patch(other, 0, seededBytes(8, 300));
    await tus.settled(tus.send("POST", "", { "Upload-Concat": `final;${parts.join(" ")}` }));
    tus.clock.advance(hourMs - 1);
    expect(tails(tus)).toHaveLength(102);
    await clean(tus);
    expect(tails(tus)).toHaveLength(101);
    gate.resolve();
  });

  test("intakes are let go of when idle, and the upload goes on from disk", async () => {
    await using tus = await TusFixture.open({ limits: { idleMs: 1000 } });
    const bytes = seededBytes(10, 20_000);
    const url = await tus.create({ "Upload-Length": "20000" });
    await tus.patch(url, 0, bytes.subarray(0, 11_111));
    expect(tus.uploads.counts()).toMatchObject({ busy: 0, idle: 1 });
    tus.clock.advance(999);
    await clean(tus);
    expect(tus.uploads.counts().idle).toBe(1);
    tus.clock.advance(1);
    await clean(tus);
    expect(tus.uploads.counts().idle).toBe(0);
    expect((await tus.patch(url, 11_111, bytes.subarray(11_111))).headers.get("warren-key")).toBe(keyOfBytes(bytes));
  });

  test("no more intakes are kept and used than may be", async () => {
    await using tus = await TusFixture.open({ limits: { idleMax: 2, busyMax: 2 } });
    const urls = await Promise.all([1, 2, 3].map(() => tus.create({ "Upload-Length": "3000" })));
    for (const url of urls) await tus.patch(url, 0, seededBytes(11, 1000));
    expect(tus.uploads.counts()).toMatchObject({ busy: 0, idle: 2 });
    const silent = urls.slice(0, 2).map((url) => tus.patch(url, 1000, bodyOf(new Uint8Array(0), "silence").stream));
    await until(() => tus.uploads.counts().busy === 2);
    const refused = await tus.patch(urls[2] ?? "", 1000, seededBytes(11, 1000));
    // The third one's intake is still kept, or there is no room to begin it anew.
    expect([204, 503]).toContain(refused.status);
    await tus.uploads.stop();
    expect((await Promise.all(silent)).map(({ status }) => status)).toEqual([503, 503]);
  });
});

describe("a file owed", () => {
  test("a crash between catalog and ledger is made up for by HEAD, and by cleaning", async () => {
    let crashes = false;
    const between = (hakmes: Pick<Hakmes, "begin" | "join">): Pick<Hakmes, "begin" | "join"> => ({
      join: (...all) => hakmes.join(...all),
      async begin(options) {
        const intake = await hakmes.begin(options);
        const finish = intake.finish.bind(intake);
        intake.finish = async (label) => {
          const taken = await finish(label);
          if (crashes) throw new Fault("unavailable", "test/crash", "The node died");
          return taken;
        };
        return intake;
      },
    });
    await using tus = await TusFixture.open({ between });
    const files = [seededBytes(12, 7000), seededBytes(13, 9000)];
    crashes = true;
    const urls = await Promise.all(
      files.map(async (bytes) => {
        const url = await tus.create({ "Upload-Length": String(bytes.length) });
        expect((await tus.patch(url, 0, bytes)).status).toBe(503);
        return url;
      }),
    );
    await tus.restart();
    // For other answers than 423 clients begin anew.
    expect((await tus.send("HEAD", urls[0] ?? "")).status).toBe(423);
    await expect(clean(tus)).rejects.toThrow("The node died");
    crashes = false;
    expect((await tus.send("HEAD", urls[0] ?? "")).headers.get("warren-key")).toBe(
      keyOfBytes(files[0] ?? new Uint8Array(0)),
    );
    await clean(tus);
    expect(tus.uploads.counts().open).toBe(0);
    const state = await (await tus.send("GET", urls[1] ?? "")).json();
    expect(state).toMatchObject({ state: "done", key: keyOfBytes(files[1] ?? new Uint8Array(0)) });
    expect(tus.hakmes.counts().files).toBe(2);
  });

  test("a Cask that does not answer: nothing acknowledged is lost", async () => {
    await using tus = await TusFixture.open();
    const bytes = seededBytes(14, 30_000);
    const url = await tus.create({ "Upload-Length": "30000" });
    await tus.patch(url, 0, bytes.subarray(0, 10_000));
    tus.chunks.trouble = () => "fail";
    expect((await tus.settled(tus.patch(url, 10_000, bytes.subarray(10_000)))).status).toBe(503);
    expect(seen(await tus.send("HEAD", url))).toEqual([200, "10000"]);
    expect((await tus.settled(tus.patch(url, 10_000, bytes.subarray(10_000)))).status).toBe(503);
    tus.chunks.trouble = () => undefined;
    expect((await tus.patch(url, 10_000, bytes.subarray(10_000))).headers.get("warren-key")).toBe(keyOfBytes(bytes));
  });

  test("a final upload that a restart interrupts is made by the next run", async () => {
    let hangs = true;
    await using tus = await TusFixture.open({
      limits: { joinWaitMs: 10 },
      between: (hakmes) => ({
        begin: (options) => hakmes.begin(options),
        join: (parts, label, options) =>
          hangs
            ? new Promise((_, reject) =>
                options?.signal?.addEventListener("abort", () => reject(options.signal?.reason as Error)),
              )
            : hakmes.join(parts, label, options),
      }),
    });
    const bytes = seededBytes(15, 6000);
    const parts: string[] = [];
    for (const part of [bytes.subarray(0, 2500), bytes.subarray(2500)]) {
      const url = await tus.create({ "Upload-Length": String(part.length), "Upload-Concat": "partial" });
      await tus.patch(url, 0, part);
      parts.push(url);
    }
    tus.clock.advance(hourMs / 2);
    const answer = await tus.settled(tus.send("POST", "", { "Upload-Concat": `final;${parts.join(" ")}` }));
    const url = answer.headers.get("location") ?? "";
    hangs = false;
    tus.clock.advance(0.7 * hourMs);
    await tus.restart();
    await clean(tus);
    expect((await tus.send("HEAD", url)).headers.get("warren-key")).toBe(keyOfBytes(bytes));
  });
});

describe("damage on this disk", () => {
  for (const [name, damage] of [
    [
      "flipped",
      (path: string) =>
        writeFileSync(
          path,
          readFileSync(path).map((byte) => byte ^ 1),
        ),
    ],
    ["shortened", (path: string) => truncateSync(path, 10)],
  ] as const) {
    test(`a tail that is ${name} is asked for again, never used`, async () => {
      await using tus = await TusFixture.open();
      const bytes = seededBytes(16, 9000);
      const url = await tus.create({ "Upload-Length": "9000" });
      await tus.patch(url, 0, bytes.subarray(0, 5000));
      const [tail = ""] = tails(tus);
      damage(join(tus.folder, "tus-tails", tail));
      await tus.restart();
      expect((await tus.patch(url, 5000, bytes.subarray(5000))).status).toBe(409);
      const offset = offsetOf(await tus.send("HEAD", url));
      expect(offset).toBeLessThan(5000);
      expect((await tus.patch(url, offset, bytes.subarray(offset))).headers.get("warren-key")).toBe(keyOfBytes(bytes));
    });
  }

  test("a disk that takes nothing: the client is told so, and what it knew of stays", async () => {
    await using tus = await TusFixture.open();
    const bytes = seededBytes(19, 9000);
    const url = await tus.create({ "Upload-Length": "9000" });
    await tus.patch(url, 0, bytes.subarray(0, 300));
    const folder = join(tus.folder, "tus-tails");
    // Permissions do not hold back a root user; a link that leads to itself does.
    renameSync(folder, `${folder}.away`);
    symlinkSync(folder, folder);
    const refused = await tus.patch(url, 300, bytes.subarray(300, 600));
    expect(refused.status).toBeGreaterThanOrEqual(500);
    rmSync(folder);
    renameSync(`${folder}.away`, folder);
    expect(seen(await tus.send("HEAD", url))).toEqual([200, "300"]);
    expect((await tus.patch(url, 300, bytes.subarray(300))).headers.get("warren-key")).toBe(keyOfBytes(bytes));
  });

  test("diskFaultOf: a full disk is 507, a failing one 503, what is no matter of disks stays", () => {
    const thrown = (code: string) => Object.assign(new Error("it failed"), { code });
    const fault = (code: string) => {
      const found = diskFaultOf(thrown(code));
      return found instanceof Fault ? found.status : "none";
    };
    expect(["ENOSPC", "EDQUOT", "SQLITE_FULL"].map(fault)).toEqual([507, 507, 507]);
    expect(["EIO", "SQLITE_IOERR_WRITE", "EROFS"].map(fault)).toEqual([503, 503, 503]);
    expect(["ECONNRESET", "EIOX", ""].map(fault)).toEqual(["none", "none", "none"]);
  });

  test("files that no upload names are swept away at the start", async () => {
    await using tus = await TusFixture.open();
    const url = await tus.create({ "Upload-Length": "9000" });
    await tus.patch(url, 0, seededBytes(17, 300));
    const named = tails(tus);
    writeFileSync(join(tus.folder, "tus-tails", "leftover.300"), "x");
    await tus.restart();
    expect(tails(tus)).toEqual(named);
  });
});

describe("properties", () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("patch" as const),
      sizeBytes: fc.nat(6000),
      end: fc.constantFrom("end" as const, "end" as const, "cut" as const),
      checksum: fc.constantFrom("none" as const, "none" as const, "right" as const, "wrong" as const),
      shift: fc.constantFrom(0, 0, 0, 0, 1, -1, 500),
      pieceBytes: fc.integer({ min: 1, max: 3000 }),
    }),
    fc.record({ kind: fc.constantFrom("restart" as const, "idle" as const, "head" as const) }),
  );

  test("whatever the order of requests, cuts and restarts, offsets never lie and the file is the bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(step, { minLength: 1, maxLength: 25 }), async (seed, steps) => {
        await using tus = await TusFixture.open({ limits: { checkpointMs: 0, idleMs: 1000 } });
        const bytes = seededBytes(seed, 20_000);
        const url = await tus.create({ "Upload-Length": String(bytes.length) });
        let known = 0;
        for (const one of steps) {
          if (one.kind === "restart") await tus.restart();
          if (one.kind === "idle") {
            tus.clock.advance(1000);
            await clean(tus);
          }
          if (one.kind === "patch") {
            const body = bytes.subarray(known, known + one.sizeBytes);
            const claimed = new Bun.CryptoHasher("sha1").update(one.checksum === "wrong" ? new Uint8Array(7) : body);
            const offset = Math.max(0, known + one.shift);
            const headers: Record<string, string> =
              one.checksum === "none" ? {} : { "Upload-Checksum": `sha1 ${claimed.digest("base64")}` };
            const response = await tus.patch(url, offset, bodyOf(body, one.end, one.pieceBytes).stream, headers);
            const isTaken =
              offset === known && (one.checksum === "none" || (one.checksum === "right" && one.end === "end"));
            // At its end the upload takes nothing, whatever is claimed of it.
            const wanted =
              offset !== known
                ? 409
                : known === bytes.length
                  ? 204
                  : one.end === "cut"
                    ? 400
                    : one.checksum === "wrong"
                      ? 460
                      : 204;
            expect(response.status).toBe(wanted);
            if (isTaken) known += body.length;
          }
          expect(seen(await tus.send("HEAD", url))).toEqual([200, String(known)]);
        }
        const last = await tus.patch(url, known, bytes.subarray(known));
        expect(last.headers.get("warren-key")).toBe(keyOfBytes(bytes));
        expect(Buffer.from(await tus.read(keyOfBytes(bytes))).equals(bytes)).toBe(true);
        expect(tails(tus)).toEqual([]);
      }),
      { numRuns: 25 },
    );
  }, 120_000);
});
