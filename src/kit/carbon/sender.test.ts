import { afterEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { encodeLines } from "../../lib/graphite/line.ts";
import { encodePickleFrame } from "../../lib/graphite/pickle.ts";
import { type Clock, systemClock } from "../clock.ts";
import { type Logger, silentLog } from "../log.ts";
import { until } from "../testing/child-node.ts";
import { startFakeCarbon } from "../testing/fake-carbon.ts";
import { ManualClock } from "../testing/manual-clock.ts";
import { type Delivery, tcpDelivery } from "./delivery.ts";
import { CarbonSender, type CarbonProtocol } from "./sender.ts";
import { Spool } from "./spool.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "warren-carbon-"));
  folders.push(made);
  return made;
}
const sender = (port: number, spoolFolder: string, protocol: CarbonProtocol = "line", clock: Clock = systemClock) =>
  new CarbonSender({
    name: "test",
    delivery: tcpDelivery({ host: "127.0.0.1", port }, systemClock),
    protocol,
    spoolFolder,
    clock,
    log: silentLog,
    retryMs: 20,
  });

describe("CarbonSender", () => {
  for (const protocol of ["line", "pickle"] as const) {
    test(`CarbonSender: points arrive by ${protocol}, over one connection`, async () => {
      await using carbon = await startFakeCarbon(protocol);
      const out = sender(carbon.port, folder(), protocol);
      const points = Array.from({ length: 1200 }, (_, at) => ({
        path: `a.b${at}`,
        value: at / 2,
        atSeconds: 1700000000,
      }));
      out.send(points);
      out.send([{ path: "c;x=y", value: -1, atSeconds: 1700000001 }]);
      await until("all points are there", () => carbon.points.length >= 1201);
      expect(carbon.points.slice(0, 1200)).toEqual(points);
      expect(carbon.value("c;x=y")).toBe(-1);
      expect(carbon.connections).toBe(1);
      await out.settled();
      expect(out.state()).toMatchObject({ isUp: true, sentPoints: 1201, waitingBytes: 0, droppedPoints: 0 });
      await out.close();
    });
  }

  test("CarbonSender: what is sent while the target is away waits on disk, over a restart, and arrives in order", async () => {
    await using carbon = await startFakeCarbon();
    await carbon.leave();
    const spoolFolder = folder();
    const first = sender(carbon.port, spoolFolder);
    first.send([{ path: "a", value: 1, atSeconds: 1 }]);
    await until("the target is seen to be away", () => !first.state().isUp);
    first.send([{ path: "a", value: 2, atSeconds: 2 }]);
    expect(first.state().spooledBytes).toBeGreaterThan(0);
    await first.close();
    const second = sender(carbon.port, spoolFolder);
    second.send([{ path: "a", value: 3, atSeconds: 3 }]);
    await carbon.comeBack();
    await until("all is caught up with", () => carbon.values("a").length >= 3);
    expect(carbon.values("a")).toEqual([1, 2, 3]);
    await second.settled();
    expect(readdirSync(spoolFolder)).toEqual([]);
    await second.close();
  });

  test("CarbonSender: what was written just before the connection broke is sent again", async () => {
    await using carbon = await startFakeCarbon();
    // However long the machine takes here: "just before" stays just before.
    const out = sender(carbon.port, folder(), "line", { ...systemClock, monotonicMs: () => 0 });
    out.send([{ path: "a", value: 1, atSeconds: 1 }]);
    await until("it arrived", () => carbon.points.length > 0);
    await out.settled();
    await carbon.leave();
    await carbon.comeBack();
    await until("it arrived again", () => carbon.values("a").length > 1);
    expect(new Set(carbon.values("a"))).toEqual(new Set([1]));
    await out.close();
  });

  test("CarbonSender: white space in a path cannot break the line", async () => {
    await using carbon = await startFakeCarbon();
    const out = sender(carbon.port, folder());
    out.send([{ path: "a b\nc 1 2", value: 5, atSeconds: 9 }]);
    await until("it arrived", () => carbon.points.length > 0);
    expect(carbon.points).toEqual([{ path: "a_b_c_1_2", value: 5, atSeconds: 9 }]);
    await out.close();
  });
});

describe("CarbonSender without room on its disk", () => {
  const recordingLog = () => {
    const told: [string, string, unknown][] = [];
    const at = (level: string) => (message: string, fields?: object) => {
      told.push([level, message, fields]);
    };
    const log: Logger = { ...silentLog, info: at("info"), warn: at("warn"), error: at("error") };
    return { told, log };
  };
  const lossesIn = (told: readonly [string, string, unknown][]) => told.filter(([, message]) => /lost/.test(message));
  const begun = (at: string): [string, string, unknown] => [
    "error",
    "Points for a target that is away cannot be spooled and are lost",
    { target: "test", reason: expect.stringContaining(at) as string },
  ];
  const ended = (points: number, bytes: number): [string, string, unknown] => [
    "warn",
    "Points that could not be spooled were lost; it is over",
    { target: "test", points, bytes },
  ];
  const point = { path: "a", value: 1, atSeconds: 1 };
  const lineBytes = "a 1 1\n".length;

  test("CarbonSender: a spool that refuses is told once when it begins and once when it is over, with what was lost", async () => {
    const { log, told } = recordingLog();
    const clock = new ManualClock();
    let isAway = true;
    const delivery: Delivery = {
      lost: () => undefined,
      hasReceipts: true,
      write: () => (isAway ? Promise.reject(new Error("away")) : Promise.resolve()),
      close: () => Promise.resolve(),
    };
    const at = join(folder(), "spool");
    const out = new CarbonSender({ name: "test", delivery, spoolFolder: at, clock, log, retryMs: 1000 });
    // Without its folder nothing can be written.
    rmSync(at, { recursive: true });
    out.send([point]);
    await until("the target is seen to be away", () => !out.state().isUp);
    for (let more = 0; more < 9; more++) out.send([point]);
    expect(lossesIn(told)).toEqual([begun(at)]);
    // The newest is not lost yet: it will be tried next.
    expect(out.state()).toMatchObject({ droppedPoints: 9, droppedBytes: 9 * lineBytes, waitingBytes: lineBytes });
    mkdirSync(at);
    out.send([point]);
    expect(lossesIn(told)).toEqual([begun(at), ended(9, 9 * lineBytes)]);
    out.send([point]);
    expect(lossesIn(told)).toHaveLength(2);
    // A second time is told anew, and is over when the target takes points again.
    rmSync(at, { recursive: true });
    for (let more = 0; more < 3; more++) out.send([point]);
    expect(lossesIn(told)).toHaveLength(3);
    isAway = false;
    await until("the target is seen to be back", () => {
      clock.advance(1000);
      return out.state().isUp;
    });
    expect(lossesIn(told).slice(2)).toEqual([begun(at), ended(2, 2 * lineBytes)]);
    expect(out.state()).toMatchObject({ droppedPoints: 11, waitingBytes: 0, failure: "" });
    await out.close();
  });

  test("CarbonSender: what was lost until the end is told at the end", async () => {
    const { log, told } = recordingLog();
    const delivery: Delivery = {
      lost: () => undefined,
      hasReceipts: true,
      write: () => Promise.reject(new Error("away")),
      close: () => Promise.resolve(),
    };
    const at = join(folder(), "spool");
    const out = new CarbonSender({ name: "test", delivery, spoolFolder: at, clock: systemClock, log });
    rmSync(at, { recursive: true });
    out.send([point, point]);
    await until("the target is seen to be away", () => !out.state().isUp);
    await out.close();
    expect(lossesIn(told)).toEqual([begun(at), ended(2, 2 * lineBytes)]);
  });
});

describe("Spool", () => {
  test("Spool: over the bound the oldest goes, and is counted", () => {
    const spool = new Spool(folder(), 600_000);
    for (let number = 0; number < 5; number++) {
      spool.append({ bytes: Buffer.alloc(200_000, 48 + number), points: 10 });
    }
    expect(spool.sizeBytes).toBeLessThanOrEqual(600_000);
    expect(spool.dropped).toEqual({ points: 20, bytes: 400_000 });
    expect(spool.first()?.bytes[0]).toBe(50);
  });

  test("Spool: what is being delivered is not added to", () => {
    const spool = new Spool(folder(), 1_000_000);
    spool.append({ bytes: Buffer.from("a"), points: 1 });
    const first = spool.first();
    spool.append({ bytes: Buffer.from("b"), points: 1 });
    first?.remove();
    expect(Buffer.from(spool.first()?.bytes ?? []).toString()).toBe("b");
  });

  test("Spool: a disk that refuses leaves nothing of a batch behind, and nothing stuck", () => {
    const at = folder();
    const spool = new Spool(at, 1_000_000);
    // A folder where the file should be makes every write to it fail.
    mkdirSync(join(at, "000000000001.spool"));
    expect(() => spool.append({ bytes: Buffer.from("a"), points: 1 })).toThrow();
    expect(spool.sizeBytes).toBe(0);
    expect(spool.first()).toBeUndefined();
    spool.append({ bytes: Buffer.from("b"), points: 1 });
    expect(Buffer.from(spool.first()?.bytes ?? []).toString()).toBe("b");
  });

  test("Spool: a full disk does not gather empty files", () => {
    const at = folder();
    const spool = new Spool(at, 1_000_000);
    // The only files that take no bytes without the disk being full.
    for (const number of [1, 2, 3]) symlinkSync("/dev/full", join(at, `00000000000${number}.spool`));
    for (let batch = 0; batch < 3; batch++)
      expect(() => spool.append({ bytes: Buffer.from("a"), points: 1 })).toThrow();
    expect(readdirSync(at)).toEqual([]);
    spool.append({ bytes: Buffer.from("b"), points: 1 });
    expect(Buffer.from(spool.first()?.bytes ?? []).toString()).toBe("b");
  });

  test("Spool: what a write left half done is cut off before more is added", () => {
    const at = folder();
    const spool = new Spool(at, 1_000_000);
    spool.append({ bytes: Buffer.from("whole\n"), points: 1 });
    appendFileSync(join(at, "000000000001.spool"), "ha");
    spool.append({ bytes: Buffer.from("next\n"), points: 1 });
    expect(Buffer.from(spool.first()?.bytes ?? []).toString()).toBe("whole\nnext\n");
  });

  test("Spool: a segment that somebody removed is passed over", () => {
    const at = folder();
    const spool = new Spool(at, 1_000_000);
    spool.append({ bytes: Buffer.alloc(200_000, 97), points: 1 });
    spool.append({ bytes: Buffer.alloc(200_000, 98), points: 1 });
    rmSync(join(at, "000000000001.spool"));
    expect(spool.first()?.bytes[0]).toBe(98);
  });
});

describe("CarbonSender after a crash", () => {
  for (const protocol of ["line", "pickle"] as const) {
    test(`CarbonSender: the cut end of a spool does not spoil what follows, by ${protocol}`, async () => {
      await using carbon = await startFakeCarbon(protocol);
      const at = folder();
      const encoded = (value: number) => {
        const points = [{ path: "a", value, atSeconds: 1 }];
        return protocol === "line" ? Buffer.from(encodeLines(points)) : Buffer.from(encodePickleFrame(points));
      };
      writeFileSync(join(at, "000000000001.spool"), Buffer.concat([encoded(1), encoded(2).subarray(0, 3)]));
      writeFileSync(join(at, "000000000002.spool"), encoded(3));
      const out = sender(carbon.port, at, protocol);
      out.send([{ path: "a", value: 4, atSeconds: 1 }]);
      await until("the last is there", () => carbon.values("a").includes(4));
      expect(carbon.values("a")).toEqual([1, 3, 4]);
      expect(carbon.connections).toBe(1);
      await out.close();
    });
  }
});
