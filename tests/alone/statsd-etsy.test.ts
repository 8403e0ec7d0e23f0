/**
 * Etsy's own statsd (the package of the same name, on Node) beside ours: both read the same configuration file, get the
 * same packets, and flush to a Graphite each; every path and every value has to be the same. What differs on purpose is
 * left out of the packets: it stands in the service's README.
 */
import { expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { startChild, until } from "../../src/kit/testing/child-node.ts";
import { type FakeCarbon, startFakeCarbon } from "../../src/kit/testing/fake-carbon.ts";
import { freePorts } from "../../src/kit/testing/free-port.ts";
import type { Point } from "../../src/lib/graphite/path.ts";

const stats = resolve(import.meta.dir, "../../node_modules/statsd/stats.js");
const node = Bun.which("node");
const canCompare = node !== null && existsSync(stats);

const packets = (own: string) => [
  `${own}begin:1|c`,
  `${own}c:100|c\n${own}c:-3.5|c\n${own}c:1|c|@0.1\n${own}c:+10e1|c\n${own}c:0x10|c`,
  `${own}glork:1|c:320|ms|@0.1:7|g`,
  ...Array.from({ length: 57 }, (_, at) => `${own}t:${(at * 37) % 101}.${at}|ms|@0.5`),
  `${own}one:100|ms`,
  `${own}g:70|g\n${own}g:-3|g\n${own}g:+1.5|g\n${own}h:+1|g\n${own}neg:0|g\n${own}neg:-5|g`,
  `${own}s:joe|s\n${own}s:ann|s\n${own}s:joe|s\n${own}s:|s\n${own}s:é|s`,
  `${own}fo/o:1|c\n${own}b ar:1|c\n${own}foo+bar:1|c\n${own}é:1|c`,
  `${own}fo/o;tag1=val1:250|c\n${own}p:250|c|#tag1:val1\n${own}p:1|ms|#tag1:val;1,tag3:val3,bare`,
  `${own}bad\n${own}bad:1\n${own}bad:x|c\n${own}bad:-1|ms\n${own}bad:1|c|0.1\n${own}bad:1|c|@\n${own}bad:|g\n${own}bad:1,5|c`,
  `${own}other:3|h\n${own}other:4|kv\n${own}other2:1|m`,
  `${own}packed:1:2:3|c\n\n${own}late:1|c\n`,
  `${own}end:1|c`,
];

const varies = /graphiteStats|processing_time|timestamp_lag|_received/;

/** What a Graphite got in the flush that holds all packets of a turn; undefined when no flush holds all. */
function flushed(carbon: FakeCarbon, own: string, isLegacy: boolean): Record<string, number> | undefined {
  const marker = (name: string) => (isLegacy ? `stats_counts.${own}${name}.end` : `stats.counters.${own}${name}.count`);
  const points = flushesOf(carbon).find((flush) =>
    ["begin", "end"].every((name) => flush.some(({ path, value }) => path === marker(name) && value === 1)),
  );
  if (points === undefined) return undefined;
  // The lag is a gauge of its own from the second flush on, and counts as one of the figures that were flushed.
  const lags = points.filter(({ path }) => path.includes("timestamp_lag")).length;
  return Object.fromEntries(
    points
      .filter(({ path }) => !varies.test(path))
      .map(({ path, value }) => [path, isTotal(path) ? value - lags : value]),
  );
}

const isTotal = (path: string) => /\.numStats(?:\.|$)/.test(path);

/**
 * What came, one flush after another: each ends with how many figures it has, but for what is not compared. Not by their
 * seconds: of two that were held up both may say the same.
 */
function flushesOf(carbon: FakeCarbon): Point[][] {
  const flushes: Point[][] = [];
  let open: Point[] = [];
  for (const point of carbon.points) {
    open.push(point);
    if (!isTotal(point.path)) continue;
    flushes.push(open);
    open = [];
  }
  return flushes;
}

for (const isLegacy of [true, false]) {
  test.if(canCompare)(
    `statsd: flushes what Etsy's flushes, path by path, with ${isLegacy ? "legacy" : "newer"} names`,
    async () => {
      await using theirs = await startFakeCarbon();
      await using ours = await startFakeCarbon();
      const folder = mkdtempSync(join(tmpdir(), "warren-etsy-"));
      const config = (carbon: FakeCarbon, port: number, admin: number) =>
        `{
        // one for each, but for the ports
        port: ${port}, address: '127.0.0.1', mgmt_port: ${admin}, mgmt_address: '127.0.0.1',
        graphiteHost: '127.0.0.1', graphitePort: ${carbon.port}, flushInterval: 1000,
        percentThreshold: [90, 50, -10, 99.9, 1], backends: ['./backends/graphite'],
        histogram: [{ metric: 'glork', bins: [] }, { metric: 't', bins: [10, 50.5, 'inf'] }],
        graphite: { legacyNamespace: ${isLegacy}, prefixTimer: 'tt', ${isLegacy ? "globalSuffix: 'end'" : ""} },
      }`;
      // The original takes no port 0.
      const [port = 0, admin = 0] = freePorts(2);
      writeFileSync(join(folder, "theirs.js"), config(theirs, port, admin));
      writeFileSync(join(folder, "ours.js"), config(ours, 0, 0));
      const original = Bun.spawn([node ?? "", stats, join(folder, "theirs.js")], {
        cwd: resolve(stats, ".."),
        stdout: "ignore",
        stderr: Bun.file(join(folder, "stderr.txt")),
      });
      try {
        await using own = await startChild({ words: ["statsd", "--etsy-config", join(folder, "ours.js")] });
        const ownPort = Number(/^statsd udp +\S+:(\d+)$/m.exec(own.output())?.[1]);
        await until("the original answers", () => {
          return new Promise<boolean>((done) => {
            const probe = connect(admin, "127.0.0.1", () => (probe.destroy(), done(true)));
            probe.on("error", () => done(false));
          });
        });
        const socket = createSocket("udp4");
        const send = (packet: string, to: number) =>
          new Promise<void>((done) => socket.send(packet, to, "127.0.0.1", () => done()));
        // A flush may fall between two packets; then they are sent again under other names.
        let found: [Record<string, number>, Record<string, number>] | undefined;
        for (let turn = 0; turn < 8 && !found; turn++) {
          const names = `turn${turn}.`;
          for (const packet of packets(names)) {
            await send(packet, port);
            await send(packet, ownPort);
          }
          const ended = (carbon: FakeCarbon) =>
            flushesOf(carbon)
              .flat()
              .some(({ path, value }) => path.includes(`${names}end`) && value === 1);
          await until("both have flushed", () => ended(theirs) && ended(ours));
          const flush = [flushed(theirs, names, isLegacy), flushed(ours, names, isLegacy)] as const;
          const [one, other] = flush;
          if (one && other && turn === 0) found = [one, other];
          else if (one && other) {
            // What lay in a cut turn before this one differs by where it was cut.
            const only = (values: Record<string, number>) =>
              Object.fromEntries(Object.entries(values).filter(([path]) => path.includes(names)));
            found = [only(one), only(other)];
          }
        }
        await new Promise<void>((done) => socket.close(() => done()));
        const [their = {}, our = {}] = found ?? [];
        expect(Object.keys(their).length).toBeGreaterThan(80);
        // Sums of fractions depend on the order of adding, by the last digits.
        const rounded = (values: Record<string, number>) =>
          Object.fromEntries(Object.entries(values).map(([path, value]) => [path, Number(value.toPrecision(12))]));
        expect(rounded(our)).toEqual(rounded(their));
      } catch (thrown) {
        console.log(await Bun.file(join(folder, "stderr.txt")).text());
        throw thrown;
      } finally {
        original.kill();
        await original.exited;
        rmSync(folder, { recursive: true, force: true });
      }
    },
    120_000,
  );
}

if (!canCompare) console.log("skipped: no node, or no node_modules/statsd");
