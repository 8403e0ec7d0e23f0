/**
 * Certificates are checked at the start and changed under way without losing a request. The pairs in testdata/tls were
 * made for these tests with `openssl req -x509 -newkey ec -days 36500`; nothing trusts them.
 */
import { afterAll, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";

import { Fault } from "./fault.ts";
import { silentLog } from "./log.ts";
import { ManualClock } from "./testing/manual-clock.ts";
import {
  bindReplaceable,
  type Certificate,
  expiryWarning,
  readCertificate,
  replaceListener,
  watchCertificates,
} from "./tls.ts";

const pairs = join(import.meta.dir, "testdata", "tls");
const root = mkdtempSync(join(tmpdir(), "warren-tls-"));
afterAll(() => rmSync(root, { recursive: true }));

function setup(name = "first") {
  const folder = mkdtempSync(join(root, "pair-"));
  const files = { certificatePath: join(folder, "certificate.pem"), keyPath: join(folder, "key.pem") };
  const put = (which: "certificate" | "key", from: string) => {
    copyFileSync(join(pairs, `${from}.${which === "key" ? "key" : "pem"}`), join(folder, "draft"));
    renameSync(join(folder, "draft"), which === "key" ? files.keyPath : files.certificatePath);
  };
  put("certificate", name);
  put("key", name);
  return { files, put };
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.code;
    throw thrown;
  }
  return "no fault";
}

test("readCertificate: a pair that fits, with names and end", () => {
  const { files } = setup();
  const clock = new ManualClock();
  const certificate = readCertificate(files, clock);
  expect(certificate.names).toBe("localhost, 127.0.0.1");
  expect(new Date(certificate.expiresAt).getUTCFullYear()).toBe(2126);
  expect(certificate.tls.key).toBe(readFileSync(files.keyPath, "utf8"));
});

test("readCertificate: what is wrong is told apart", () => {
  const { files, put } = setup();
  const clock = new ManualClock();
  put("key", "second");
  expect(codeOf(() => readCertificate(files, clock))).toBe("tls/mismatch");
  writeFileSync(files.keyPath, "nonsense");
  expect(codeOf(() => readCertificate(files, clock))).toBe("tls/unreadable");
  rmSync(files.keyPath);
  expect(codeOf(() => readCertificate(files, clock))).toBe("tls/unreadable");
  put("key", "first");
  expect(codeOf(() => readCertificate(files, new ManualClock(Date.UTC(2200, 0, 1))))).toBe("tls/expired");
  expect(codeOf(() => readCertificate(files, new ManualClock(Date.UTC(2001, 0, 1))))).toBe("tls/expired");
});

test("expiryWarning: in time, and in days", () => {
  const certificate: Certificate = {
    tls: { cert: "", key: "" },
    names: "attic",
    expiresAt: 100 * 86_400_000,
    fingerprint: "",
  };
  expect(expiryWarning(certificate, 78 * 86_400_000)).toBeUndefined();
  expect(expiryWarning(certificate, 80 * 86_400_000)).toContain("in 20 days");
  expect(expiryWarning(certificate, 98.5 * 86_400_000)).toContain("in 1 day:");
  expect(expiryWarning(certificate, 100 * 86_400_000)).toContain("expired on 1970-04-11");
});

test("watchCertificates: changes only to a pair that fits, and says why not until then", () => {
  const { files, put } = setup();
  const clock = new ManualClock();
  const given: string[] = [];
  const watch = watchCertificates({
    ...files,
    clock,
    log: silentLog,
    pollMs: 1000,
    onChange: (certificate) => void given.push(certificate.fingerprint),
  });
  const first = watch.current().fingerprint;
  clock.advance(1000);
  expect(given).toEqual([]);

  put("certificate", "second");
  clock.advance(1000);
  expect(given).toEqual([]);
  expect(watch.problem()).toContain("belongs to another one");
  expect(watch.current().fingerprint).toBe(first);

  writeFileSync(files.keyPath, readFileSync(join(pairs, "second.key"), "utf8").slice(0, 40));
  clock.advance(1000);
  expect(watch.problem()).toContain("wanted PEM");

  put("key", "second");
  clock.advance(1000);
  expect(given).toEqual([watch.current().fingerprint]);
  expect(given[0]).not.toBe(first);
  expect(watch.problem()).toBeUndefined();

  rmSync(files.certificatePath);
  clock.advance(1000);
  expect(watch.problem()).toContain("certificate.pem");
  put("certificate", "second");
  clock.advance(1000);
  expect(watch.problem()).toBeUndefined();
  expect(given.length).toBe(1);
  watch.stop();
  expect(clock.waiting).toBe(0);
});

test("watchCertificates: a listener that cannot take the pair is asked again", () => {
  const { files, put } = setup();
  const clock = new ManualClock();
  let asked = 0;
  const watch = watchCertificates({
    ...files,
    clock,
    log: silentLog,
    pollMs: 1000,
    onChange: () => {
      if (++asked === 1) throw new Error("not now");
    },
  });
  put("certificate", "second");
  put("key", "second");
  clock.advance(1000);
  expect(watch.problem()).toBe("not now");
  clock.advance(1000);
  expect(asked).toBe(2);
  expect(watch.problem()).toBeUndefined();
  watch.stop();
});

/** The name in the certificate that a new connection gets. */
function presented(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      const name = socket.getPeerCertificate().subject.CN;
      socket.destroy();
      resolve(String(name));
    });
    socket.on("error", reject);
  });
}

for (const shared of [true, false]) {
  test(`replaceListener: new connections get the new pair, the answer under way comes to its end (${shared ? "overlapping" : "one after the other"})`, async () => {
    const { files, put } = setup();
    const clock = new ManualClock();
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const start = (port: number, certificate: Certificate, reusePort = shared) =>
      Bun.serve({
        port,
        reusePort,
        hostname: "127.0.0.1",
        tls: certificate.tls,
        fetch: () =>
          new Response(
            new ReadableStream<string>({
              async start(controller) {
                controller.enqueue("begin ");
                await released;
                controller.enqueue("end");
                controller.close();
              },
            }),
          ),
      });
    let drained: Promise<void> = Promise.resolve();
    const watch = watchCertificates({
      ...files,
      clock,
      log: silentLog,
      pollMs: 1000,
      onChange(certificate) {
        const port = listener.port ?? 0;
        ({ listener, drained } = replaceListener(listener, () => start(port, certificate)));
      },
    });
    let listener = shared
      ? bindReplaceable(0, (port, reusePort) => start(port, watch.current(), reusePort))
      : start(0, watch.current());
    const port = listener.port ?? 0;
    expect(await presented(port)).toBe("first.example");

    const response = await fetch(`https://127.0.0.1:${port}/`, { tls: { rejectUnauthorized: false } });
    put("certificate", "second");
    put("key", "second");
    clock.advance(1000);
    expect(watch.problem()).toBeUndefined();
    expect(await presented(port)).toBe("second.example");
    release();
    expect(await response.text()).toBe("begin end");
    watch.stop();
    await listener.stop(true);
    await drained;
  });
}

test("replaceListener: a start that fails for another reason leaves the old one in place", async () => {
  using server = Bun.serve({ port: 0, hostname: "127.0.0.1", reusePort: true, fetch: () => new Response("old") });
  const failing = () => {
    throw new TypeError("no such certificate");
  };
  expect(() => replaceListener(server, failing)).toThrow("no such certificate");
  expect(await (await fetch(server.url)).text()).toBe("old");
});

test("bindReplaceable: a port that is taken is refused, also by one that would share it", async () => {
  const serve = (port: number, reusePort: boolean) =>
    Bun.serve({ port, reusePort, hostname: "127.0.0.1", fetch: () => new Response() });
  using first = bindReplaceable(0, serve);
  expect(first.port).toBeGreaterThan(0);
  expect(() => bindReplaceable(first.port ?? 0, serve)).toThrow();
});
