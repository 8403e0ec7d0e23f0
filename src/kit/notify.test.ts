/** What the service manager is told, read from real sockets of both kinds. */
import { dlopen, ptr } from "bun:ffi";
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "./clock.ts";
import { createLog, silentLog } from "./log.ts";
import { createNotifier, unixAddress } from "./notify.ts";
import { ManualClock } from "./testing/manual-clock.ts";

const folder = mkdtempSync(join(tmpdir(), "warren-notify-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A manager's end of the line: bound, and asked without waiting (datagrams on one machine arrive with the call that sends them). */
function manager(socketPath: string) {
  const library = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
    recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  });
  const descriptor = library.symbols.socket(1, 2, 0);
  const address = unixAddress(socketPath);
  expect(library.symbols.bind(descriptor, ptr(address), address.length)).toBe(0);
  const received = () => {
    const messages: string[] = [];
    const bytes = Buffer.alloc(4096);
    for (;;) {
      const dontWait = 0x40;
      const length = Number(library.symbols.recv(descriptor, ptr(bytes), bytes.length, dontWait));
      if (length < 0) return messages;
      messages.push(bytes.toString("utf8", 0, length));
    }
  };
  return { received, [Symbol.dispose]: () => void library.symbols.close(descriptor) };
}

// Systemd exists on Linux with glibc or musl; the test's own end is written for glibc.
const canRun =
  process.platform === "linux" &&
  ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"].some((loader) => existsSync(loader));

for (const socket of canRun ? [join(folder, "notify.sock"), `@warren-test-${process.pid}`] : []) {
  test(`createNotifier: ready, status and stopping arrive at ${socket[0] === "@" ? "an abstract socket" : "a path"}`, () => {
    using line = manager(socket);
    const notifier = createNotifier({ socket, clock: systemClock, log: silentLog });
    expect(notifier.connected).toBe(true);
    notifier.ready("listens on 127.0.0.1:4100");
    notifier.status("one\nREADY=0");
    notifier.stopping("finishing 3 requests");
    expect(line.received()).toEqual([
      "READY=1\nSTATUS=listens on 127.0.0.1:4100",
      "STATUS=one READY=0",
      "STOPPING=1\nSTATUS=finishing 3 requests",
    ]);
    notifier.close();
  });
}

test("createNotifier: the watchdog is fed at half its time, from ready on, until close", () => {
  if (!canRun)
    return expect(createNotifier({ socket: undefined, clock: systemClock, log: silentLog }).connected).toBe(false);
  const socket = `@warren-watchdog-${process.pid}`;
  using line = manager(socket);
  const clock = new ManualClock();
  const notifier = createNotifier({
    socket,
    watchdogUsec: "30000000",
    watchdogPid: String(process.pid),
    clock,
    log: silentLog,
  });
  clock.advance(60_000);
  expect(line.received()).toEqual([]);
  notifier.ready("up");
  clock.advance(30_000);
  expect(line.received()).toEqual(["READY=1\nSTATUS=up", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]);
  notifier.close();
  expect(clock.waiting).toBe(0);
  const other = createNotifier({ socket, watchdogUsec: "30000000", watchdogPid: "1", clock, log: silentLog });
  other.ready("up");
  expect(line.received()).toEqual(["READY=1\nSTATUS=up"]);
  other.close();
});

test("createNotifier: nobody there is said once and stops nothing", () => {
  const lines: string[] = [];
  const log = createLog({ level: "info", format: "text", clock: systemClock, write: (text) => void lines.push(text) });
  const gone = createNotifier({ socket: join(folder, "nobody.sock"), clock: systemClock, log });
  gone.ready("up");
  gone.stopping("down");
  gone.close();
  expect(lines.length).toBe(1);
  createNotifier({ socket: "relative", clock: systemClock, log }).ready("up");
  createNotifier({ socket: `/${"x".repeat(200)}`, clock: systemClock, log }).ready("up");
  expect(lines.length).toBe(3);
  expect(createNotifier({ socket: undefined, clock: systemClock, log }).connected).toBe(false);
  expect(createNotifier({ socket: "", clock: systemClock, log }).connected).toBe(false);
  expect(lines.length).toBe(3);
});
